"""The decoding loop: rows of similar length, compacted as they finish and topped up with waiting rows.

Each step computes one token for every row in flight. A finished row leaves at the next compaction, and
rows that wait take the free places, so that a batch stays full until the queue is empty: the cost follows
the tokens written, not the longest answer of each batch.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nightshift.models.llm.attention import Prefix, RowCache
from nightshift.models.llm.base import Decoding, FinishReason
from nightshift.models.llm.grammar import Grammar, completes
from nightshift.models.llm.network import Network

if TYPE_CHECKING:
    import torch

    Tensor = torch.Tensor

COMPACT_AT = 8
"""Finished rows leave when they are one in eight: moving the others' keys and values costs about a fifth
of a step."""
REFILL_AT = 4
"""Waiting rows join when a fourth of the places is free: reading a few rows alone wastes the matrix units."""


@dataclass(slots=True)
class Row:
    """A prompt on its way to an answer."""

    key: str
    prompt: list[int]
    """Tokens of the whole prompt."""
    own: list[int]
    """Those after the shared prefix."""
    written: list[int] = field(default_factory=list)
    finish_reason: FinishReason | None = None
    matcher: Any = None
    """Where the row stands in its grammar; None where decoding is free."""


@dataclass(slots=True)
class _Flight:
    """Rows being decoded, aligned at their last token."""

    rows: list[Row]
    cache: RowCache
    starts: Tensor
    """(rows,) first column of the cache that holds the row's tokens."""
    seen: Tensor
    """(rows, longest prompt + answer) tokens of prompt and answer, padded with the row's own first token."""
    chosen: Tensor
    """(rows,) the newest token, not yet in the cache."""


class Decoder:
    """Decodes one queue of rows that share a prefix, a `Decoding` and, where it names a JSON schema, its
    grammar."""

    def __init__(
        self,
        network: Network,
        prefix: Prefix | None,
        decoding: Decoding,
        ended: Callable[[Row], FinishReason | None],
        grammar: Grammar | None = None,
    ) -> None:
        import torch

        self._torch = torch
        self._network = network
        self._prefix = prefix
        self._shared = len(prefix.tokens) if prefix else 0
        self._decoding = decoding
        self._ended = ended
        self._grammar = grammar
        self._generators: dict[str, torch.Generator] = {}

    def run(self, rows: Sequence[Row], places: int) -> None:
        """Write every row's answer into it, at most `places` rows in flight."""
        for row in rows:
            row.matcher = self._grammar.matcher() if self._grammar else None
        waiting = deque(rows)
        flight: _Flight | None = None
        with self._torch.inference_mode():
            while waiting or flight:
                flight = self._board(flight, waiting, places)
                if flight:
                    self._step(flight)
                    flight = self._compact(flight, bool(waiting))

    def _board(self, flight: _Flight | None, waiting: deque[Row], places: int) -> _Flight | None:
        free = places - (len(flight.rows) if flight else 0)
        if not waiting or (flight and free * REFILL_AT < places):
            return flight
        rows = [waiting.popleft() for _ in range(min(free, len(waiting)))]
        boarded = self._alive(self._read(rows))
        if flight is None or boarded is None:
            return boarded or flight
        return self._join(flight, boarded)

    def _read(self, rows: list[Row]) -> _Flight:
        """Prompt processing: the rows' own tokens in one pass, left-padded, and their first new token."""
        torch, device = self._torch, self._network.device
        longest = max(len(row.own) for row in rows)
        ids = torch.tensor([[0] * (longest - len(row.own)) + row.own for row in rows], device=device)
        starts = torch.tensor([longest - len(row.own) for row in rows], device=device)
        columns = torch.arange(longest, device=device)
        positions = (columns[None] - starts[:, None]).clamp(min=0) + self._shared
        bias = self._network.bias(causal(columns, starts))
        cache = self._network.cache(len(rows), longest + self._decoding.max_new_tokens)
        states = self._network.forward(ids, positions, bias[:, None], self._prefix, cache)
        flight = _Flight(rows, cache, starts, self._seen(rows), torch.empty(0))
        self._choose(flight, states[:, -1])
        return flight

    def _step(self, flight: _Flight) -> None:
        """One more token for every row in flight."""
        torch = self._torch
        columns = torch.arange(flight.cache.length + 1, device=self._network.device)
        bias = self._network.bias(columns[None] >= flight.starts[:, None])[:, None, None]  # (rows, 1, 1, own)
        positions = (flight.cache.length - flight.starts + self._shared)[:, None]
        states = self._network.forward(flight.chosen[:, None], positions, bias, self._prefix, flight.cache)
        self._choose(flight, states[:, -1])

    def _choose(self, flight: _Flight, states: Tensor) -> None:
        """Pick the next token of every row and note which rows it ends."""
        logits = self._allowed(self._penalised(self._network.logits(states), flight.seen), flight.rows)
        flight.chosen = (
            self._sampled(logits, flight.rows) if self._decoding.temperature > 0 else logits.argmax(-1)
        )
        if self._decoding.repetition_penalty != 1.0:
            flight.seen = self._torch.cat([flight.seen, flight.chosen[:, None]], 1)
        for row, token in zip(flight.rows, flight.chosen.tolist(), strict=True):
            if row.finish_reason is None:
                row.written.append(token)
                complete = row.matcher is not None and completes(row.matcher, token)
                row.finish_reason = "stop" if complete else self._ended(row)

    def _allowed(self, logits: Tensor, rows: list[Row]) -> Tensor:
        """Minus infinity for every token that would leave the row's grammar."""
        if self._grammar is None:
            return logits
        left = [self._decoding.max_new_tokens - len(row.written) for row in rows]
        allowed = self._grammar.mask([row.matcher for row in rows], left).to(logits.device)
        return logits.masked_fill_(~allowed, float("-inf"))

    def _penalised(self, logits: Tensor, seen: Tensor) -> Tensor:
        """Divide positive and multiply negative logits of tokens already in the whole prompt or the
        answer."""
        penalty = self._decoding.repetition_penalty
        if penalty == 1.0:
            return logits
        found = logits.gather(1, seen)
        return logits.scatter(1, seen, self._torch.where(found < 0, found * penalty, found / penalty))

    def _sampled(self, logits: Tensor, rows: list[Row]) -> Tensor:
        """One draw a row from the row's own stream, so that a row's answer does not depend on its
        neighbours."""
        shares = (logits / self._decoding.temperature).softmax(-1).cpu()
        drawn = [
            shares[place].multinomial(1, generator=self._stream(row.key)) for place, row in enumerate(rows)
        ]
        return self._torch.cat(drawn).to(self._network.device)

    def _stream(self, key: str) -> torch.Generator:
        if key not in self._generators:
            digest = hashlib.sha256(f"{self._decoding.seed}:{key}".encode("utf-8", "surrogatepass")).digest()
            self._generators[key] = self._torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
        return self._generators[key]

    def _seen(self, rows: list[Row]) -> Tensor:
        if self._decoding.repetition_penalty == 1.0:
            return self._torch.empty(len(rows), 0, dtype=self._torch.long, device=self._network.device)
        longest = max(len(row.prompt) for row in rows)
        padded = [row.prompt[:1] * (longest - len(row.prompt)) + row.prompt for row in rows]
        return self._torch.tensor(padded, device=self._network.device)

    def _compact(self, flight: _Flight, refill: bool) -> _Flight | None:
        """Let finished rows go once they are worth the move."""
        done = sum(row.finish_reason is not None for row in flight.rows)
        if done * (REFILL_AT if refill else COMPACT_AT) < len(flight.rows):
            return flight
        return self._alive(flight)

    def _alive(self, flight: _Flight) -> _Flight | None:
        keep = [place for place, row in enumerate(flight.rows) if row.finish_reason is None]
        if len(keep) == len(flight.rows):
            return flight
        if not keep:
            return None
        index = self._torch.tensor(keep, device=self._network.device)
        first = int(flight.starts[index].min())  # columns that only finished rows used
        layers = [(keys[index, :, first:], values[index, :, first:]) for keys, values in flight.cache.layers]
        cache = RowCache(layers, flight.cache.length - first)
        rows = [flight.rows[place] for place in keep]
        return _Flight(rows, cache, flight.starts[index] - first, flight.seen[index], flight.chosen[index])

    def _join(self, flight: _Flight, boarded: _Flight) -> _Flight:
        """Both flights as one, aligned at their last token, with room for a whole answer."""
        torch = self._torch
        both = (flight, boarded)
        length = max(each.cache.length for each in both)
        merged = self._network.cache(
            len(flight.rows) + len(boarded.rows), length + self._decoding.max_new_tokens
        )
        merged.length = length
        top = 0
        for each in both:
            bottom, held = top + len(each.rows), each.cache.length
            for target, source in zip(merged.layers, each.cache.layers, strict=True):
                for sink, values in zip(target, source, strict=True):
                    sink[top:bottom, :, length - held : length] = values[:, :, :held]
            top = bottom
        starts = torch.cat([each.starts + (length - each.cache.length) for each in both])
        widest = max(each.seen.shape[1] for each in both)
        seen = torch.cat(
            [
                torch.cat([each.seen[:, :1].expand(-1, widest - each.seen.shape[1]), each.seen], 1)
                for each in both
            ]
        )
        return _Flight(
            flight.rows + boarded.rows, merged, starts, seen, torch.cat([each.chosen for each in both])
        )


def causal(columns: Tensor, starts: Tensor) -> Tensor:
    """(rows, columns, columns): a token sees its row's earlier tokens and itself; padding sees itself, to
    stay finite."""
    earlier = columns[None, :, None] >= columns[None, None, :]
    held = columns[None, None, :] >= starts[:, None, None]
    alone = columns[None, :, None] == columns[None, None, :]
    return (earlier & held) | alone
