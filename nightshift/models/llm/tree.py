"""All questions after a row's text as one tree, so that a single forward pass weighs every choice of every
question.

The trunk is the row's prompt. Each question's stem branches off it, each choice off its stem; tokens that
branches begin with in common are one node. A node sees the trunk and its ancestors only, and its position
is the trunk's length plus its depth, so every path through the tree is exactly a text of its own (tree
attention: Miao et al., SpecInfer, 2024). The last token of a choice needs no node: its probability is read
from its parent.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from nightshift.models.llm.base import Question
from nightshift.models.weights.tokens import common_length

TRUNK = -1
"""The node before the first: the last token of the trunk."""
TAIL = 64
"""Characters at the end of a prompt that decide how the stem's first characters are tokenized with it."""

Encode = Callable[[Sequence[str]], list[list[int]]]


@dataclass(slots=True)
class Tree:
    """Tokens after the trunk. Nodes are numbered so that parents come before children."""

    tokens: list[int] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    stem_ends: list[int] = field(default_factory=list)
    """One node a question: where its choices begin."""
    choices: list[list[tuple[int, int]]] = field(default_factory=list)
    """One a choice, in order: (node, token that follows it) pairs whose log-probabilities add up to the
    choice's."""
    _children: dict[tuple[int, int], int] = field(default_factory=dict)

    def add(self, stem: Sequence[int], choices: Sequence[Sequence[int]]) -> None:
        """Graft one question: the stem's tokens, and each choice's tokens from the trunk on, stem
        included."""
        shared = min([len(stem), *(common_length(stem, choice) for choice in choices)])
        self.stem_ends.append(self._walk(stem[:shared])[-1])
        for choice in choices:
            path = self._walk(choice[:-1])
            self.choices.append([(path[place], choice[place]) for place in range(shared, len(choice))])

    def _walk(self, tokens: Sequence[int]) -> list[int]:
        """Nodes along the tokens, made where missing; the trunk is the first."""
        path = [TRUNK]
        for token in tokens:
            step = (path[-1], token)
            if step not in self._children:
                self._children[step] = len(self.tokens)
                self.tokens.append(token)
                self.parents.append(path[-1])
            path.append(self._children[step])
        return path

    def edges(self) -> dict[int, list[tuple[int, int]]]:
        """Of each node that a choice passes: the places of these choices and the token each takes there."""
        found: dict[int, list[tuple[int, int]]] = {}
        for place, choice in enumerate(self.choices):
            for node, token in choice:
                found.setdefault(node, []).append((place, token))
        return found

    @property
    def needed(self) -> list[int]:
        """Nodes whose next-token distribution or state is asked for, each once."""
        return sorted({node for choice in self.choices for node, _ in choice} | set(self.stem_ends))

    def ancestors(self) -> NDArray[np.bool_]:
        """(nodes, nodes): whether the row's node sees the column's node; a node sees itself."""
        seen = np.eye(len(self.tokens), dtype=np.bool_)
        for node, parent in enumerate(self.parents):
            if parent != TRUNK:
                seen[node] |= seen[parent]
        return seen

    def depths(self) -> list[int]:
        """Distance of each node from the trunk's last token, from 1."""
        found: list[int] = []
        for parent in self.parents:
            found.append(1 if parent == TRUNK else found[parent] + 1)
        return found


@dataclass(frozen=True, slots=True)
class Joint:
    """How stems join a prompt's end: tokens the prompt loses to them, and each stem's tokens from there
    on."""

    lost: int
    stems: tuple[tuple[int, ...], ...]


def joints(prompts: Sequence[str], questions: Sequence[Question], encode: Encode) -> list[Joint]:
    """One a prompt. Found by difference, so that a token reaching over the border is met as the model
    would meet it."""
    return joints_by_row(prompts, [questions] * len(prompts), encode)


def joints_by_row(
    prompts: Sequence[str], questions: Sequence[Sequence[Question]], encode: Encode
) -> list[Joint]:
    """The same where each prompt has questions of its own."""
    tails = [prompt[-TAIL:] for prompt in prompts]
    alone = encode(tails)
    joined = iter(
        encode([tail + each.stem for tail, own in zip(tails, questions, strict=True) for each in own])
    )
    return [_joint(alone[row], list(islice(joined, len(own)))) for row, own in enumerate(questions)]


def _joint(alone: Sequence[int], joined: Sequence[Sequence[int]]) -> Joint:
    kept = min(common_length(alone, each) for each in joined)
    return Joint(len(alone) - kept, tuple(tuple(each[kept:]) for each in joined))


def grow(joint: Joint, prompt: str, questions: Sequence[Question], encode: Encode) -> Tree:
    """The tree of all prompts with that joint; `prompt` is any of them."""
    tail = prompt[-TAIL:]
    kept = len(encode([tail])[0]) - joint.lost
    tree = Tree()
    for question, stem in zip(questions, joint.stems, strict=True):
        whole = encode([tail + question.stem + choice for choice in question.choices])
        tree.add(stem, [each[kept:] for each in whole])
    return tree
