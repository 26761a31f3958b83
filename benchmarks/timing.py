"""Ours against a peer, fairly: alternating order, CPU seconds, medians, one line at the end.

CPU seconds of all threads (`time.process_time`) are quoted because machines are shared; work of
subprocesses is not in them. A contestant is a function without arguments that does its work once and
returns how much of it was done (texts, rows, tokens), so that a rate can be quoted and nobody wins by
doing less unnoticed.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

Contestant = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Rates of both contestants, one a run."""

    name: str
    unit: str
    ours: list[float]
    peer: list[float]

    @property
    def ratio(self) -> float:
        """Our median rate by the peer's: above one, ours is faster."""
        return statistics.median(self.ours) / statistics.median(self.peer)

    def line(self) -> str:
        """`NAME: ratio R (ours A, peer B, unit, median of K runs)`."""
        ours, peer = statistics.median(self.ours), statistics.median(self.peer)
        return (
            f"{self.name}: ratio {self.ratio:.2f} (ours {ours:.4g}, peer {peer:.4g}, {self.unit}, median "
            f"of {len(self.ours)} runs)"
        )


def rate(contestant: Contestant) -> float:
    """Work by CPU second of one run."""
    began = time.process_time()
    done = contestant()
    return done / (time.process_time() - began)


def compare(
    name: str, ours: Contestant, peer: Contestant, unit: str, runs: int = 5, warm_up: bool = True
) -> Comparison:
    """Both contestants `runs` times, ours first in even runs and second in odd ones. `unit` names the
    rate, `texts/CPU s`."""
    if warm_up:
        ours()
        peer()
    rates: dict[str, list[float]] = {"ours": [], "peer": []}
    for run in range(runs):
        order = [("ours", ours), ("peer", peer)]
        for label, contestant in order if run % 2 == 0 else order[::-1]:
            rates[label].append(rate(contestant))
        print(
            f"run {run + 1}/{runs}: ours {rates['ours'][-1]:.4g}, peer {rates['peer'][-1]:.4g} {unit}",
            flush=True,
        )
    return Comparison(name, unit, rates["ours"], rates["peer"])
