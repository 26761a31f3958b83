from collections.abc import Sequence

from nightshift.models.llm.base import Question
from nightshift.models.llm.tree import TRUNK, Tree, grow, joints


def _letters(texts: Sequence[str]) -> list[list[int]]:
    """A tokenizer of one token a character, except that '.' and a newline after it are one."""
    return [[ord(letter) for letter in text.replace(".\n", "§")] for text in texts]


def test_common_beginnings_are_one_node() -> None:
    tree = Tree()
    tree.add([1, 2], [[1, 2, 7], [1, 2, 8, 9], [1, 2, 8, 5]])
    tree.add([1, 3], [[1, 3, 7]])
    assert tree.tokens == [1, 2, 8, 3]
    assert tree.parents == [TRUNK, 0, 1, 0]
    assert tree.depths() == [1, 2, 3, 2]
    assert tree.stem_ends == [1, 3]


def test_a_choice_is_the_sum_of_its_edges_after_the_stem() -> None:
    tree = Tree()
    tree.add([1], [[1, 7], [1, 8, 9]])
    assert tree.choices == [[(0, 7)], [(0, 8), (1, 9)]]
    assert tree.needed == [0, 1]


def test_a_node_sees_its_ancestors_and_itself_only() -> None:
    tree = Tree()
    tree.add([1, 2], [[1, 2, 3, 4]])
    tree.add([5], [[5, 6]])
    assert tree.ancestors().astype(int).tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 0, 1]]


def test_a_question_without_a_stem_is_asked_at_the_end_of_the_text() -> None:
    tree = Tree()
    tree.add([], [[7], [8, 9]])
    assert tree.stem_ends == [TRUNK]
    assert tree.choices == [[(TRUNK, 7)], [(TRUNK, 8), (0, 9)]]


def test_a_token_over_the_border_is_taken_from_the_prompt() -> None:
    question = Question("mood", "\nM", ("a",))
    plain, merged = joints(["text", "text."], [question], _letters)
    assert plain.lost == 0
    assert merged.lost == 1
    assert grow(merged, "text.", [question], _letters).tokens == [ord("§"), ord("M")]
