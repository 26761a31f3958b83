"""Point scores of a user's candidates, a tree a row, against a bare loop that reads a whole prompt for
each candidate.

Same weights, number type and numbers: each candidate's title is weighed after the user's history. The loop
pads the prompts of one user's candidates into one batch, as a script would; ours takes the instructions
from the prefix cache, reads each history once and branches the titles off it. The last line but one says
how far the two sets of scores are apart.
"""

import argparse
from pathlib import Path

import numpy as np

from benchmarks.answering import Peer
from benchmarks.timing import Comparison, compare
from nightshift.models.llm.base import Question, Request
from nightshift.models.llm.transformers import TransformersLLM, TransformersSettings
from nightshift.models.weights.weights import DEFAULT_CACHE
from nightshift.sources.datasets.movielens import load

INSTRUCTIONS = (
    "Films that people liked, and the film they watched next.\n\n"
    "Liked: Annie Hall (1977); Manhattan (1979); Sleeper (1973)\nNext: Zelig (1983)\n\n"
    "Liked: Alien (1979); Blade Runner (1982); Brazil (1985)\nNext: Twelve Monkeys (1995)\n\n"
)
STEM = "\nNext:"


def requests(users: int, candidates: int, cache: Path) -> list[Request]:
    """A history of twelve films and as many candidates as asked, for each of some users; drawn with a
    fixed seed."""
    titles, random = load("ml-100k", cache).items["title"].to_list(), np.random.default_rng(0)
    rows = []
    for user in range(users):
        drawn = [titles[place] for place in random.choice(len(titles), 12 + candidates, replace=False)]
        own = (Question("next", STEM, tuple(f" {title}" for title in drawn[12:])),)
        rows.append(Request(str(user), INSTRUCTIONS, "Liked: " + "; ".join(drawn[:12]), questions=own))
    return rows


class Loop(Peer):
    """A bare loop: every candidate's whole prompt."""

    def points(self, request: Request) -> list[float]:
        """Log-probability of each candidate of one user."""
        (question,) = request.questions
        stem = len(self.tokenizer(request.prompt + question.stem).input_ids)
        read = self._read([request.prompt + question.stem + choice for choice in question.choices])
        with self.torch.inference_mode():
            shares = self.model(**read).logits.float().log_softmax(-1)
        ids, longest = read["input_ids"], read["input_ids"].shape[1]
        starts = longest - read["attention_mask"].sum(1)  # left padding of each row
        places = [range(int(start) + stem, longest) for start in starts]
        return [
            sum(float(shares[row, at - 1, ids[row, at]]) for at in columns)
            for row, columns in enumerate(places)
        ]


def measure(users: int, candidates: int, runs: int, cache: Path) -> Comparison:
    """Points by CPU second of both."""
    rows, llm, loop = (
        requests(users, candidates, cache),
        TransformersLLM(TransformersSettings(), cache),
        Loop(cache),
    )
    ours = np.concatenate([scored.log_probabilities for scored in llm.score(rows, ())])
    apart = np.abs(ours - np.concatenate([loop.points(row) for row in rows]))
    print(f"scores are {np.median(apart):.3f} apart in the median, {apart.max():.2f} at most (bfloat16)")
    return compare(
        f"points of {candidates} candidates",
        lambda: sum(len(scored.log_probabilities) for scored in llm.score(rows, ())),
        lambda: sum(len(loop.points(row)) for row in rows),
        "points/CPU s",
        runs,
    )


def main() -> None:
    """Parse the options, measure, print the line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=32)
    parser.add_argument("--candidates", type=int, default=20)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE)
    options = parser.parse_args()
    print(measure(options.users, options.candidates, options.runs, options.cache.expanduser()).line())


if __name__ == "__main__":
    main()
