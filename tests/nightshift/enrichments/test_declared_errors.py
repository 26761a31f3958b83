"""Every mistake of a declaration is told with file, line, value and what is allowed, before anything is
paid."""

from pathlib import Path

import pytest

from nightshift.enrichments.declared import load
from nightshift.enrichments.registry import registry_with
from nightshift.errors import ConfigError

CHOSEN = """\
about: When somebody would reach for this item.
entity: item
prompt: |
  {noun}: {title}
  About: {attributes}. {text}
  Best for:
choices: [breakfast, lunch, dinner]
examples:
  - {title: Porridge oats, attributes: [Cereal], choices: breakfast}
features: [one_hot]
"""
WRITTEN = """\
about: Why somebody would buy this.
entity: item
prompt: "{title}"
answer:
  reason: {text: 120}
  allergens: {list: [nuts, milk], most: 2}
  stars: {number: [0, 5]}
examples:
  - {title: Bread, answer: {reason: It is fresh., allergens: [], stars: 4}}
embed: "{reason}"
features: [similarity, number]
"""
OK = CHOSEN, WRITTEN
CASES = {
    "unknown key": (CHOSEN, "features:", "featurs:", ":10: unknown key 'featurs'; did you mean 'features'?"),
    "unknown placeholder": (CHOSEN, "{attributes}", "{atributes}", ":5: prompt: unknown placeholder {atributes}; did you mean 'attributes'"),
    "another entity's placeholder": (CHOSEN, "{text}", "{liked}", ":5: prompt: unknown placeholder {liked}; there are title, text"),
    "a personal column": (CHOSEN, "{text}", "{user_id}", ":5: prompt: unknown placeholder {user_id}"),
    "the key": (CHOSEN, "{text}", "{item_id}", ":5: prompt: unknown placeholder {item_id}"),
    "an attribute": (CHOSEN, "{title}", "{title.__class__}", ":4: prompt: {title.__class__} is no placeholder"),
    "an index": (CHOSEN, "{title}", "{title[0]}", ":4: prompt: {title[0]} is no placeholder"),
    "a format": (CHOSEN, "{title}", "{title:>9999999}", ":4: prompt: {title:>9999999} is no placeholder"),
    "a conversion": (CHOSEN, "{title}", "{title!r}", ":4: prompt: {title!r} is no placeholder"),
    "a number": (CHOSEN, "{title}", "{0}", ":4: prompt: {0} is no placeholder"),
    "nameless": (CHOSEN, "{title}", "{}", ":4: prompt: {} is no placeholder"),
    "a brace alone": (CHOSEN, "{title}", "{title", "a brace that is no placeholder is written twice"),
    "a choice twice": (CHOSEN, "lunch, dinner", "lunch, Breakfast", ":7: choices: the choice 'Breakfast' stands twice"),
    "one choice": (CHOSEN, "[breakfast, lunch, dinner]", "[breakfast]", ":7: choices must list 2 to 200 choices; given: 1"),
    "no choice": (CHOSEN, "[breakfast, lunch, dinner]", "[]", ":7: choices must list 2 to 200"),
    "choices as a word": (CHOSEN, "[breakfast, lunch, dinner]", "breakfast", ":7: choices must be a list"),
    "a choice that is a mapping": (CHOSEN, "lunch,", "{a: b},", "a choice must be a text; given: a mapping"),
    "an endless choice": (CHOSEN, "lunch,", f"{'x' * 81},", "a choice has at most 80 characters"),
    "an unknown entity": (CHOSEN, "entity: item", "entity: itme", ":2: entity: 'itme' is none; did you mean 'item'?"),
    "an entity without rows": (CHOSEN, "entity: item", "entity: query", ":2: entity: no table has rows of 'query': sources.queries"),
    "an example out of the list": (CHOSEN, "choices: breakfast", "choices: brunch", ":9: examples: this answer would not be accepted: unknown_tag"),
    "an example without an answer": (CHOSEN, ", choices: breakfast", "", ":9: examples: this one has no 'choices'"),
    "an example's unknown key": (CHOSEN, "{title: Porridge", "{titel: Porridge", ":9: examples: unknown key 'titel'; did you mean 'title'?"),
    "no example": (CHOSEN, "\n  - {title: Porridge oats, attributes: [Cereal], choices: breakfast}", " []", ":8: examples: 1 to 20 are needed; given: 0"),
    "no entity": (CHOSEN, "entity: item\n", "", "the key 'entity' is missing"),
    "an empty prompt": (WRITTEN, 'prompt: "{title}"', 'prompt: ""', ":3: prompt must be a text"),
    "neither": (CHOSEN, "choices: [breakfast, lunch, dinner]\n", "", "has either choices"),
    "both": (CHOSEN, "entity: item\n", "entity: item\nanswer: {a: {text: 3}}\n", "has either choices"),
    "a form of choices": (CHOSEN, "entity: item\n", "entity: item\nform: line\n", ":3: choices have no form"),
    "a key twice": (CHOSEN, "entity: item\n", "entity: item\nentity: user\n", ":3: the key 'entity' stands twice"),
    "an alias": (CHOSEN, "[breakfast, lunch, dinner]", "&a [one, *a]", ":7: is not YAML as it is read here: an alias"),
    "code": (CHOSEN, "entity: item", "entity: !!python/object/apply:os.system [ls]", ":2: tag:yaml.org,2002:python/object"),
    "a type": (CHOSEN, "entity: item", "entity: !secret x", ":2: !secret cannot be read"),
    "a broken line": (CHOSEN, "entity: item", "entity: [item", "is not YAML as it is read here"),
    "two documents": (CHOSEN, "entity: item", "---\nentity: item", "is not YAML as it is read here"),
    "a version of words": (CHOSEN, "entity: item", "version: new\nentity: item", ":2: version must be a whole number"),
    "an unknown feature": (CHOSEN, "[one_hot]", "[onehot]", ":10: features: unknown kind 'onehot'; did you mean 'one_hot'?"),
    "a feature of another kind": (CHOSEN, "[one_hot]", "[similarity]", ":10: features: similarity reads the embedded text"),
    "a feature of pairs": (CHOSEN, "[one_hot]", "[pair_score]", ":10: features: pair_score reads"),
    "an overlap of nothing": (CHOSEN, "[one_hot]", "[overlap]", ":10: features: overlap reads a list"),
    "an unbounded text": (WRITTEN, "{text: 120}", "text", ":5: answer.reason: 'text' is a text without a length"),
    "a text of no length": (WRITTEN, "{text: 120}", "{text: }", ":5: answer.reason: a text without a length"),
    "a text too long": (WRITTEN, "{text: 120}", "{text: 99999}", ":5: answer.reason.text, in characters, must be a whole number from 1 to 2,000; given: '99999'"),
    "a list without an end": (WRITTEN, ", most: 2", "", ":6: answer.allergens: a list without an end"),
    "more than there are": (WRITTEN, "most: 2", "most: 3", ":6: answer.allergens.most must be a whole number from 1 to 2"),
    "a list of texts": (WRITTEN, "[nuts, milk]", "{text: 20}", "must be a list"),
    "a nested answer": (WRITTEN, "{text: 120}", "{deep: {text: 3}}", ":5: answer.reason: 'deep' is no form that every model can be held to"),
    "a fraction": (WRITTEN, "[0, 5]", "[0, 0.5]", ":7: answer.stars.number must be a whole number"),
    "numbers the wrong way": (WRITTEN, "[0, 5]", "[5, 0]", ":7: answer.stars.number: 5 is not below 0"),
    "an endless number": (WRITTEN, "[0, 5]", "[0]", ":7: answer.stars.number must be the lowest and the highest"),
    "two forms": (WRITTEN, "{text: 120}", "{text: 120, number: [0, 1]}", ":5: answer.reason"),
    "a key in a field": (WRITTEN, "{text: 120}", "{text: 120, words: 3}", ":5: answer.reason: unknown key 'words'"),
    "a column of provenance": (WRITTEN, "  reason: {text", "  origin: {text", ":5: answer: the name 'origin' is taken"),
    "a key column": (WRITTEN, "  reason: {text", "  item_id: {text", ":5: answer: the name 'item_id' is taken"),
    "a field of capitals": (WRITTEN, "  reason: {text", "  Reason: {text", "lower-case letters, digits and _"),
    "no field": (WRITTEN.split("answer:")[0] + "answer: {}\nexamples: []\n", "", "", ":4: answer must have 1 to 12 fields"),
    "a line of many": (WRITTEN, "entity: item\n", "entity: item\nform: line\n", ":3: form: a line is one text"),
    "an unknown form": (WRITTEN, "entity: item\n", "entity: item\nform: xml\n", ":3: form: 'xml' is none"),
    "an answer's field": (WRITTEN, "reason: It is fresh.", "raeson: It is fresh.", ":9: examples: the answer has no field 'raeson'; did you mean 'reason'?"),
    "an answer too long": (WRITTEN, "It is fresh.", "x" * 121, ":9: examples: this answer would not be accepted: too_long"),
    "an answer that refuses": (WRITTEN, "It is fresh.", "I am sorry.", ":9: examples: this answer would not be accepted: refusal"),
    "a number out of bounds": (WRITTEN, "stars: 4", "stars: 9", ":9: examples: this answer would not be accepted: schema"),
    "a view of nothing": (WRITTEN, 'embed: "{reason}"', 'embed: "{title}"', ":10: embed: unknown placeholder {title}"),
    "a view of words": (WRITTEN, 'embed: "{reason}"', 'embed: "reason"', ":10: embed: no placeholder in it"),
    "a fallback's key": (WRITTEN, "embed:", "fallback: {carry: true}\nembed:", ":10: fallback: unknown key 'carry'; did you mean 'carried'?"),
    "a fallback of words": (WRITTEN, "embed:", "fallback: {carried: sometimes}\nembed:", ":10: fallback.carried must be true or false"),
    "half a template": (WRITTEN, "embed:", "fallback: {template: {reason: A}}\nembed:", ":10: fallback.template: the field 'stars' is missing"),
    "a template's placeholder": (CHOSEN, "features:", "fallback: {template: '{x}'}\nfeatures:", ":10: fallback.template.choice: '{x}' is no choice"),
    "a budget's key": (CHOSEN, "features:", "budget: {usd: 3}\nfeatures:", ":10: budget: unknown key 'usd'"),
    "a negative budget": (CHOSEN, "features:", "budget: {tokens: -3}\nfeatures:", ":10: budget.tokens must be a whole number"),
    "a list": ("- one\n", "", "", ":1: an enrichment must be a mapping"),
    "a word": ("one\n", "", "", ":1: an enrichment must be a mapping"),
    "nothing": ("", "", "", "the file is empty"),
    "comments only": ("# to do\n", "", "", "the file is empty"),
}  # fmt: skip


def written(folder: Path, text: str, name: str = "occasion.yaml") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize("text", OK)
def test_what_the_cases_are_made_of_is_read(text: str, tmp_path: Path) -> None:
    assert load(written(tmp_path, text)).name == "occasion"


@pytest.mark.parametrize(("text", "old", "new", "says"), CASES.values(), ids=CASES)
def test_a_mistake_is_told_with_its_place(text: str, old: str, new: str, says: str, tmp_path: Path) -> None:
    assert not old or text.count(old) == 1
    path = written(tmp_path / "enrichments", text.replace(old, new) if old else text)
    with pytest.raises(ConfigError) as told:
        registry_with(path.parent)
    assert str(told.value).startswith("enrichments/occasion.yaml:")
    assert says in str(told.value)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("items.yaml", "the name 'items' is taken by a table of every night"),
        ("lift.yaml", "the name 'lift' is taken by a table of every night"),
        ("item_facts.yaml", "the name 'item_facts' is taken by"),
        ("folder.yaml", "the name 'folder' is taken by a setting"),
        ("Occasion.yaml", "'Occasion' cannot be a name"),
        ("my-occasion.yaml", "'my-occasion' cannot be a name"),
        ("2nd.yaml", "'2nd' cannot be a name"),
        ("a__b.yaml", "'a__b' cannot be a name"),
        ("näher.yaml", "'näher' cannot be a name"),
        (f"{'x' * 41}.yaml", "cannot be a name"),
        ("items.py", "the name 'items' is taken"),
    ],
)
def test_a_name_that_cannot_be_is_refused(name: str, says: str, tmp_path: Path) -> None:
    written(tmp_path / "e", CHOSEN, name)
    with pytest.raises(ConfigError, match=f"e/{name}.*{says}"):
        registry_with(tmp_path / "e")


def test_a_name_of_two_files_is_told_with_both(tmp_path: Path) -> None:
    written(tmp_path / "e", CHOSEN, "one.yaml")
    written(tmp_path / "e", CHOSEN, "one.yml")
    with pytest.raises(ConfigError, match=r"e/one.yml: the name 'one' is taken by e/one.yaml"):
        registry_with(tmp_path / "e")


def test_a_view_that_is_there_is_told(tmp_path: Path) -> None:
    written(tmp_path / "e", WRITTEN, "facts.yaml")
    with pytest.raises(
        ConfigError, match=r"e/facts.yaml: a view 'facts' of items is there already, by item_facts"
    ):
        registry_with(tmp_path / "e")


def test_a_circle_of_reads_is_told_with_its_files(tmp_path: Path) -> None:
    written(tmp_path / "e", CHOSEN + "reads: [two]\n", "one.yaml")
    written(tmp_path / "e", CHOSEN + "reads: [one]\n", "two.yaml")
    with pytest.raises(ConfigError, match=r"e/one.yaml, e/two.yaml: .*in a circle: one reads two reads one"):
        registry_with(tmp_path / "e")


def test_a_table_that_is_none_is_told_with_the_nearest(tmp_path: Path) -> None:
    written(tmp_path / "e", CHOSEN + "reads: [item_fact]\n", "one.yaml")
    with pytest.raises(ConfigError, match=r"e/one.yaml.*'item_fact'.*did you mean 'item_facts'"):
        registry_with(tmp_path / "e")


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"enrichments.folder: .*mine is not there; make it"):
        registry_with(tmp_path / "mine")


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("import no_such_module_here\n", r"e/mine.py:1: ModuleNotFoundError: No module named 'no_such"),
        ("x = 1\n\nx +\n", r"e/mine.py:3: SyntaxError"),
        ("\nraise SystemExit(3)\n", r"e/mine.py:2: SystemExit"),
        ("x = 1\n", r"e/mine.py: holds no `ENRICHMENT"),
        ("ENRICHMENT = 3\n", r"e/mine.py: holds no `ENRICHMENT"),
        (
            "from nightshift.enrichments.registry import built_in\nENRICHMENT = built_in()['item_facts']\n",
            r"e/mine.py: its name is 'item_facts'; the file's and the enrichment's are one",
        ),
    ],
)
def test_a_python_file_that_fails_is_named(code: str, says: str, tmp_path: Path) -> None:
    written(tmp_path / "e", code, "mine.py")
    with pytest.raises(ConfigError, match=says):
        registry_with(tmp_path / "e")


def test_a_huge_file_and_one_that_is_no_text_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "e", "#" * 100_001)
    with pytest.raises(ConfigError, match="at most 100,000"):
        load(path)
    path.write_bytes(b"about: \xff\xfe")
    with pytest.raises(ConfigError, match="is not YAML in UTF-8"):
        load(path)
    path.write_text("a: " + "[" * 5000)
    with pytest.raises(ConfigError, match="nested too deeply"):
        load(path)
