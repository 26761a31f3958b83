"""What stands around an answer is taken off, and what belongs to it stays."""

import pytest

from nightshift.errors import RejectedAnswer
from nightshift.models.llm.wrappings import answer_begins, bare, block, cut_at_stop, is_unfinished_thought
from nightshift.prompts.parsing import accept

LAMP = "A fine lamp for the house."
THOUGHTS = {
    "think": "<think>\nOkay, the user wants a summary.\n</think>\n\n",
    "nothing thought": "<think>\n\n</think>\n\n",
    "thinking": "<thinking>Hm; a lamp.</thinking>",
    "upper case": "<THINK>Hm</THINK>\n",
    "opened in the prompt": "Okay, the user wants a summary: a lamp.\n</think>\n\n",
    "twice": "<think>one</think>\n<think>two</think>\n",
    "speaks of its own end": "<think>I must write </think> and then answer</think>\n",
    "Magistral": "[THINK]Let me see.[/THINK]",
    "Kimi": "◁think▷Let me see.◁/think▷",
    "Cohere": "<|START_THINKING|>Let me see.<|END_THINKING|>",
    "Seed": "<seed:think>Let me see.</seed:think>",
    "gpt-oss": "<|channel|>analysis<|message|>A lamp.<|end|><|start|>assistant<|channel|>final<|message|>",
    "gpt-oss without marks": "analysisThe user wants a summary.assistantfinal",
    "reasoning": "<reasoning>\nA lamp.\n</reasoning>\n",
    "Gemma": "<unused94>thought\nA lamp.<unused95>",
}
AROUND = {
    "line breaks": "\n\n{}",
    "blanks nobody sees": "\ufeff\u200b {}",
    "fence": "```\n{}\n```",
    "fence with a language": "```text\n{}\n```",
    "fence on one line": "```{}```",
    "tildes": "~~~\n{}\n~~~",
    "fence and a remark": "```\n{}\n```\nLet me know if you want another.",
    "preamble": "Sure! Here is a one-sentence summary:\n\n{}",
    "preamble without a colon": "Certainly! Here's a one-sentence summary.\n\n{}",
    "a yes": "Sure!\n\n{}",
    "a yes on the line": "Of course! {}",
    "preamble on the line": "Sure! Here is a one-sentence summary: {}",
    "preamble with a title": 'Here\'s a summary of the film "Alien: Resurrection": {}',
    "German preamble": "Natürlich! Hier ist eine Zusammenfassung:\n{}",
    "French preamble": "Voici un résumé en une phrase :\n\n{}",
    "Spanish preamble": "¡Claro! Aquí tienes un resumen:\n\n{}",
    "Chinese preamble": "好的，以下是一句话总结：\n{}",
    "Japanese preamble": "以下は要約です：\n{}",
    "label": "Summary: {}",
    "label in bold": "**Summary:** {}",
    "label in bold, colon outside": "**Summary**: {}",
    "label on a line": "**Summary:**\n\n{}",
    "heading": "# Summary\n\n{}",
    "another label": "One-sentence summary: {}",
    "German label": "Zusammenfassung: {}",
    "Russian label": "Резюме: {}",
    "Assistant": "<|im_start|>assistant\n{}<|im_end|>",
    "end mark": "{}<|im_end|>",
    "end of sentence": "{}</s>",
    "Llama": "<|start_header_id|>assistant<|end_header_id|>\n\n{}<|eot_id|>",
    "Gemma": "<start_of_turn>model\n{}<end_of_turn>",
    "Mistral": "[/INST] {}</s>",
    "DeepSeek": "{}<｜end▁of▁sentence｜>",
    "mark and another turn": "{}<|im_end|>\n<|im_start|>user\nMore!",
    "quotes": '"{}"',
    "curly quotes": "“{}”",
    "German quotes": "„{}“",
    "guillemets": "« {} »",
    "corner brackets": "「{}」",
    "single quotes": "'{}'",
    "bold": "**{}**",
    "italic": "*{}*",
    "underscores": "_{}_",
    "bold and quotes": '**"{}"**',
    "bold that never ends": "**{}",
    "code": "`{}`",
    "bullet": "- {}",
    "number": "1. {}",
    "block quote": "> {}",
    "tag": "<summary>{}</summary>",
    "tag on lines": "<answer>\n{}\n</answer>",
    "rule": "---\n{}",
    "object": '{{"summary": "{}"}}',
    "all at once": '<think>hm</think>\n\nSure! Here it is:\n\n```\n**Summary:** "{}"\n```',
}
LINES = {name: around for name, around in AROUND.items() if "{{" not in around}
KEPT = [
    'A man learns what "love" is.',
    '"Casablanca" is a film about "love".',
    "*Casablanca* is a romance in wartime.",
    "'Til death parts them, two thieves rob the rich.",
    "Alien: Resurrection is a dark science fiction film.",
    "2001: A Space Odyssey follows a voyage to Jupiter.",
    "1984 is a novel about a watched man.",
    "Sure of himself, a boxer returns to the ring.",
    "Okay with being alone, a girl finds a friend.",
    "An answer to the question of who shot the sheriff: nobody.",
    "A story in three parts: love, war and peace.",
    "Two cops; one city.",
    "A [tense] film (1999) about 3 <b>men</b>.",
    "I, Robot is a film about machines.",
    "Here comes the groom: a wedding goes wrong.",
    "Ein Film über zwei Brüder.",
    "两个兄弟的故事。",
    "The Sentence is a documentary: a family waits.",
    "Profile of a killer",
    "-30- is a film about a newspaper.",
    "#Alive is a film about the undead.",
    "The Descriptionist, a painter, falls in love.",
    'A film called "The End"',
]


@pytest.mark.parametrize("thought", THOUGHTS.values(), ids=THOUGHTS.keys())
def test_thoughts_before_an_answer_are_no_part_of_it(thought: str) -> None:
    assert bare(thought + LAMP) == LAMP
    assert cut_at_stop(f"{thought}{LAMP}\nMovie: Heat", ("\n",), "length") == (thought + LAMP, "stop")
    assert block(thought + '{"a":1}') == '{"a":1}'


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND.keys())
def test_what_stands_around_a_sentence_is_taken_off(around: str) -> None:
    assert accept(around.format(LAMP), "stop", ("Summary:",)) == LAMP


@pytest.mark.parametrize("around", LINES.values(), ids=LINES.keys())
def test_the_stop_text_is_looked_for_behind_what_stands_around(around: str) -> None:
    text, finish = cut_at_stop(around.format(LAMP) + "\nMovie: Heat", ("\n",), "length")
    assert finish == "stop"
    assert "Heat" not in text
    assert accept(text, finish, ("Summary:",)) == LAMP


@pytest.mark.parametrize("text", KEPT)
def test_what_belongs_to_a_sentence_stays(text: str) -> None:
    assert bare(text, ("Summary:",)) == text
    assert accept(text, "stop", ("Summary:",)) == text
    assert cut_at_stop(text, ("\n",), "stop") == (text, "stop")


@pytest.mark.parametrize(
    "text",
    [
        "<think>",
        "<think>\nOkay, the user wants",
        "\n[THINK]Hm",
        "<|channel|>analysis<|message|>Hm",
        "◁think▷",
    ],
)
@pytest.mark.parametrize("finish", ["stop", "length"])
def test_thoughts_that_never_end_are_too_long(text: str, finish: str) -> None:
    assert is_unfinished_thought(text)
    assert cut_at_stop(text, ("\n", "."), finish) == (text, finish)  # type: ignore[arg-type]
    with pytest.raises(RejectedAnswer, match="too_long"):
        accept(text, finish)  # type: ignore[arg-type]


def test_thoughts_behind_an_answer_are_left_out() -> None:
    assert bare(f"{LAMP}\n<think>Was that right?</think>") == LAMP
    assert bare(f"{LAMP} <think>Was that") == LAMP


@pytest.mark.parametrize(
    "text",
    [
        "```",
        "```\n```",
        "---",
        "**",
        "Sure! Here is a one-sentence summary:",
        "Summary:",
        "N/A",
        "none",
        "\u200b",
        "<think></think>",
        "...",
        "{}",
        '""',
        "[]",
    ],
)
def test_wrappings_around_nothing_are_empty(text: str) -> None:
    with pytest.raises(RejectedAnswer, match=r"empty|schema"):
        accept(text, "stop", ("Summary:",))


def test_an_object_of_several_values_is_no_sentence() -> None:
    with pytest.raises(RejectedAnswer, match="schema: an object instead of a sentence"):
        accept('{"summary": "A lamp.", "mood": "light"}', "stop")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "x" * 100_000,
        "\n" * 100_000,
        '"' * 10_000,
        "<" * 10_000,
        "*" * 10_000,
        "```" * 5_000,
        "<think>" * 5_000,
        ":" * 10_000,
    ],
)
def test_text_without_end_is_read_in_no_time(text: str) -> None:
    assert 0 <= answer_begins(text) <= len(text)
    bare(text, ("Summary:",))
    block(text)
