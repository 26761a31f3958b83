from datetime import date
from pathlib import Path

import pytest

from nightshift.errors import ConfigError
from nightshift.night.config import load_settings

SOURCES = """
sources:
  items: {path: items.csv, item_id: id}
  interactions: {path: events.csv, user_id: uid, item_id: id, timestamp: ts}
"""
PLAIN = SOURCES + "nights: {first: 2024-01-01}\n"


@pytest.fixture(autouse=True)
def _no_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NIGHTSHIFT_HOME", "NIGHTSHIFT_CONFIG", "NIGHTSHIFT_CACHE"):
        monkeypatch.delenv(name, raising=False)


def write(folder: Path, text: str = PLAIN) -> Path:
    path = folder / "nightshift.yaml"
    path.write_text(text)
    return path


def refused(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as raised:
        load_settings(write(folder, text))
    return str(raised.value)


def test_sources_and_a_first_night_are_all_it_takes(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path))
    assert settings.nights.first == date(2024, 1, 1)
    assert settings.llm.backend == "transformers"
    assert settings.budget.tokens is None


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml is not there; .*--config"):
        load_settings(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="is not there"):
        load_settings(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sources: [", "is not YAML"),
        ("- a\n- b\n", "must hold `key: value` lines, found a list"),
        ("just words", "found a str"),
        ("", "sources: Field required"),
        (SOURCES, "nights: Field required"),
        (PLAIN + "llm: fast\n", "llm: Input should be a valid dictionary"),
        (PLAIN + "bugdet: {tokens: 5}\n", "unknown key 'bugdet'; did you mean 'budget'?"),
        (
            PLAIN + "budget: {token: 5}\n",
            "nightshift.yaml: budget: unknown key 'token'; did you mean 'tokens'?",
        ),
        (PLAIN + "zzz: 1\n", "unknown key 'zzz'; known keys: sources, nights, llm"),
        (PLAIN + "7: 1\n", "unknown key 7"),
        (
            PLAIN + "budget: {tokens: -1}\n",
            "budget.tokens: Input should be greater than or equal to 0 (given: '-1')",
        ),
        (PLAIN + "budget: {tables: {item_facts: many}}\n", "budget.tables.item_facts"),
        (PLAIN + "beam: {runner: FlinkRunner}\n", "beam.runner: Input should be 'DirectRunner'"),
        (PLAIN + "owners: [ranking]\n", "'ranking' is no owner; write team:NAME"),
        (SOURCES + "nights: {first: tomorrow}\n", "nights.first"),
        (
            SOURCES.replace("timestamp: ", "feedback: explicit, timestamp: ", 1)
            + "nights: {first: 2024-01-01}\n",
            "nightshift.yaml: sources.interactions: feedback: explicit needs label and positive_from; "
            "add it beside feedback",
        ),
        (
            SOURCES.replace("timestamp: ", "timestamp_unit: millis, timestamp: ", 1)
            + "nights: {first: 2024-01-01}\n",
            "sources.interactions.timestamp_unit: Input should be 's', 'ms', 'us', 'ns' or 'order' "
            "(given: 'millis')",
        ),
        (
            SOURCES.replace("item_id: id}", "item_id: id, titel: name}", 1) + "nights: {first: 2024-01-01}\n",
            "unknown key 'titel'; did you mean 'title'?",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    message = refused(tmp_path, text)
    assert said in message
    assert "nightshift.yaml" in message


def test_bytes_that_are_no_text_are_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "nightshift.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not YAML"):
        load_settings(path)


def test_every_wrong_value_is_told_at_once(tmp_path: Path) -> None:
    message = refused(tmp_path, PLAIN + "budget: {tokens: -1, usd: free}\n")
    assert "budget.tokens" in message
    assert "budget.usd" in message


def test_the_environment_wins_over_the_file_and_leaves_the_rest_of_its_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_LLM__MODEL", "other-model")
    monkeypatch.setenv("NIGHTSHIFT_BUDGET__TOKENS", "7")
    settings = load_settings(
        write(tmp_path, PLAIN + "llm: {model: mine, backend: echo}\nbudget: {tokens: 5, minutes: 2}\n")
    )
    assert (settings.llm.model, settings.llm.backend) == ("other-model", "echo")
    assert (settings.budget.tokens, settings.budget.minutes) == (7, 2)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("NIGHTSHIFT_BUDGET__TOKENS", "lots", "budget.tokens"),
        ("NIGHTSHIFT_LLM__MODLE", "x", "llm.modle"),
        ("NIGHTSHIFT_BUDGET", "not json", "NIGHTSHIFT_ variable"),
    ],
)
def test_a_wrong_override_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    assert said in refused(tmp_path, PLAIN)


def test_the_home_lies_beside_the_file_unless_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path)
    assert load_settings(path).home_folder == tmp_path / ".nightshift"
    write(tmp_path, PLAIN + "home: here\n")
    monkeypatch.chdir("/")
    assert load_settings(path).home_folder == tmp_path / "here"
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path / "environment"))
    assert load_settings(path).home_folder == tmp_path / "environment"
    assert load_settings(path, tmp_path / "option").home_folder == tmp_path / "option", (
        "an option wins over the environment"
    )


def test_a_relative_option_starts_at_the_working_folder_and_a_tilde_at_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, PLAIN + "home: ~/nights\ncache: ~/cache\n")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    assert load_settings(path).home_folder == tmp_path / "user" / "nights"
    assert load_settings(path).cache_folder == tmp_path / "user" / "cache"
    assert load_settings(path, Path("mine")).home_folder == tmp_path / "work" / "mine"


def test_the_root_is_always_the_folder_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTSHIFT_ROOT", "/elsewhere")
    write(tmp_path, PLAIN + "root: /nowhere\n")
    monkeypatch.chdir(tmp_path)
    assert load_settings(Path("nightshift.yaml")).root == tmp_path


def test_settings_are_frozen(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path))
    with pytest.raises(ValueError, match="frozen"):
        settings.home = tmp_path  # type: ignore[misc]


@pytest.mark.parametrize(
    "text",
    [
        "2026-10-15",
        "20261015",
        "'2026-10-15'",
        "'20261015'",
        "2026-10-15 00:00:00",
        "'2026-10-15T00:00:00Z'",
        "' 2026-10-15 '",
    ],
)
def test_a_day_may_be_written_with_and_without_dashes(tmp_path: Path, text: str) -> None:
    assert load_settings(write(tmp_path, SOURCES + f"nights: {{first: {text}}}\n")).nights.first == date(
        2026, 10, 15
    )


@pytest.mark.parametrize(
    "text",
    ["tomorrow", "202610", "1760486400", "true", "15.10.2026", "2026-10-15 06:00:00", "20261315", "[1]"],
)
def test_what_is_no_day_is_told_how_one_is_written(tmp_path: Path, text: str) -> None:
    message = refused(tmp_path, SOURCES + f"nights: {{first: {text}}}\n")
    assert "nightshift.yaml: nights.first: " in message
    assert "a day is written year-month-day, as in 2026-10-15" in message


def test_days_elsewhere_are_read_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTSHIFT_NIGHTS__LAST", "20261020")
    more = (
        "examples: {train_until: 20261016, valid_until: 2026-10-17}\nlift: {model_trained_until: 20240101}\n"
    )
    settings = load_settings(write(tmp_path, SOURCES + "nights: {first: 20261015}\n" + more))
    assert settings.nights.last == date(2026, 10, 20)
    assert (str(settings.examples.train_until), str(settings.examples.valid_until)) == (
        "2026-10-16 00:00:00",
        "2026-10-17 00:00:00",
    )
    assert settings.lift.model_trained_until == date(2024, 1, 1)


@pytest.mark.parametrize(
    ("nights", "said"),
    [
        (
            "{first: 2024-01-02, last: 2024-01-01}",
            "nights: last 2024-01-01 is before first 2024-01-02, so there is no night",
        ),
        ("{first: 2024-01-01, schedule: 61 25 * * *}", "nights.schedule: minute '61' is not 0 to 59"),
        (
            "{first: 2024-01-01, training_schedule: 0 4 * * 8}",
            "nights.training_schedule: day-of-week '8' is not 0 to 7",
        ),
        ("{first: 2024-01-01, last: 2024-01-01}", ""),
    ],
)
def test_nights_that_no_run_could_begin_are_refused_by_every_command(
    tmp_path: Path, nights: str, said: str
) -> None:
    if said:
        assert said in refused(tmp_path, SOURCES + f"nights: {nights}\n")
    else:
        assert load_settings(write(tmp_path, SOURCES + f"nights: {nights}\n")).nights.first


@pytest.mark.parametrize("block", ["", "nights:\n", "nights: {keep_nights: 3}\n"])
def test_missing_nights_come_with_a_block_that_fits_the_events(tmp_path: Path, block: str) -> None:
    (tmp_path / "items.csv").write_text("id\na\n")
    bad = "u,a,soon\n" * 5
    (tmp_path / "events.csv").write_text(
        "uid,id,ts\n" + bad + "".join(f"u,a,2024-01-{day:02d}\n" for day in range(1, 21))
    )
    message = refused(tmp_path, SOURCES + block)
    assert "by the events' own dates\nnights:\n  first: 2024-01-04\n  last: 2024-01-21" in message


@pytest.mark.parametrize("sources", [SOURCES, "sources: {items: {path: items.csv}}\n"])
def test_missing_nights_of_files_that_cannot_be_read_come_with_an_example(
    tmp_path: Path, sources: str
) -> None:
    assert "add it, such as\nnights:\n  first: 2026-01-31" in refused(tmp_path, sources)


def test_a_key_twice_is_refused_in_file_and_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twice = "budget: {tokens: 10}\n" + PLAIN + "budget: {}\n"
    assert (
        refused(tmp_path, twice)
        == "nightshift.yaml: key 'budget' stands twice, in lines 1 and 7; keep one of them"
    )
    monkeypatch.setenv("NIGHTSHIFT_BUDGET", '{"tokens": 1, "tokens": 2}')
    assert "holds key 'tokens' twice" in refused(tmp_path, PLAIN)
