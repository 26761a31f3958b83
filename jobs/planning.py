"""What a night would ask, read from the sources and the ledger. Loads no model, calls nothing."""

import dataclasses
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from nightshift.enrichments.registry import asked
from nightshift.night.night import Night
from nightshift.night.plan import Spent, TablePlan


@dataclass(frozen=True)
class NightPlan:
    """The plan of every prompted table, in the order in which they draw on the budget."""

    as_of: date
    tables: list[TablePlan]
    budget: dict[str, Any]
    exact: bool
    """Whether prompt tokens were counted by the model's own tokenizer; else they are estimated, as the
    server counted those before."""
    model: str
    """Name and revision of the model that would answer."""

    def as_json(self) -> dict[str, Any]:
        """What `plan --json` prints."""
        return {
            "as_of": self.as_of.isoformat(),
            "tables": [table.as_json() for table in self.tables],
            "budget": self.budget,
            "tokens": "exact" if self.exact else "estimated",
        }

    @property
    def pending(self) -> int:
        """Rows a run would ask now."""
        return sum(table.pending.height for table in self.tables)


def plan_night(night: Night) -> NightPlan:
    """Plan every prompted table. Tables share the budget: what the first would spend is not there for the
    next."""
    at_start = spent = Spent.of(night.ledgers, night.as_of)
    plans, foreseen = [], night.foreseen()
    for name in asked(night.registry):
        plan = night.plan(foreseen.step(name), spent)
        plans.append(plan)
        spent = dataclasses.replace(
            spent,
            tokens=spent.tokens + plan.tokens,
            usd=spent.usd + (plan.cost_usd or 0.0),
            seconds=spent.seconds + plan.seconds,
        )
    return NightPlan(
        night.as_of,
        plans,
        _budget(night, at_start),
        night.count_tokens is not None,
        night.identity.model_id,
    )


def _budget(night: Night, spent: Spent) -> dict[str, Any]:
    limits = night.settings.budget.model_dump()
    return limits | {
        "spent_tokens": spent.tokens,
        "spent_usd": spent.usd,
        "spent_minutes": round(spent.seconds / 60, 2),
    }


def next_night(night: Night) -> Night:
    """The night after, with the same data."""
    return dataclasses.replace(night, as_of=night.as_of + timedelta(days=1))
