"""Whether groups of users are served alike: the gap between the best and the worst served group, and
whether an arm widens it.

A gap is the best group's metric minus the worst's, over groups of at least `LEAST_USERS` test users, of
seed-averaged scores. It is never negative and grows with the number of groups by chance alone, so an arm's
own gap carries the share of random regroupings of the users that have one at least as large. The
difference between two arms' gaps carries a paired bootstrap interval over users. AUC is that within a
group, as in the slices of the groups; above 3,000 users its gap has neither p nor interval.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from nightshift.lift.inference import LARGEST, POWER, Concordance, Draws, percentiles, spread
from nightshift.lift.metrics import Codes, Doubles, Sums
from nightshift.lift.paired import Form, known
from nightshift.lift.verdict import GAP

LEAST_USERS = 20
"""Test users that a group needs to count in a gap."""
REGROUPINGS = 500
"""Random regroupings of the users that an arm's gap is held against."""
COMPARED = (("llm", "base"), ("text", "base"), ("llm", "text"))
"""(arm, against) whose gaps are compared."""


@dataclass(frozen=True)
class Groups:
    """The test users of one column's groups."""

    column: str
    code: Codes
    """(users,) number of each test user's group; -1: unknown, or a group of too few."""
    count: int
    rows: Codes
    """(users,) test rows of each user."""

    @property
    def users(self) -> int:
        """Users of the groups that count."""
        return int((self.code >= 0).sum())


def groups_of(
    users: pl.DataFrame | None, test: pl.DataFrame, counted: NDArray[np.bool_] | None = None
) -> list[Groups]:
    """The groupings of the test rows' users, by id; a column with fewer than two groups that count is left
    out.

    `counted` (rows,) are the rows that `n_rows` counts; None: all.
    """
    if users is None:
        return []
    names, user = np.unique(test["user_id"].to_numpy(), return_inverse=True)
    rows = np.bincount(user, counted, len(names)).astype(np.int64)
    known_of = pl.DataFrame({"user_id": pl.Series(names, dtype=pl.String)}).join(
        users, on="user_id", how="left", maintain_order="left"
    )
    found = [_groups(known_of[column], rows) for column in users.columns if column != "user_id"]
    return [groups for groups in found if groups.count > 1]


def _groups(column: pl.Series, rows: Codes) -> Groups:
    sizes = column.drop_nulls().value_counts().sort(column.name)
    kept = sizes.filter(pl.col("count") >= LEAST_USERS)[column.name].to_list()
    codes = {value: code for code, value in enumerate(kept)}
    return Groups(
        column.name, np.array([codes.get(value, -1) for value in column], np.int64), len(kept), rows
    )


def gap_rows(
    forms: dict[str, Form], groupings: list[Groups], draws: Draws, common: dict[str, Any]
) -> list[dict[str, Any]]:
    """Rows of `lift` of one metric: each arm's gap in each column, and the difference of two arms' gaps."""
    rows = list[dict[str, Any]]()
    for groups in groupings:
        counted = {
            "n_users": groups.users,
            "n_rows": int(groups.rows[groups.code >= 0].sum()),
            "slice": GAP + groups.column,
        }
        own = common | counted
        values = {arm: observed_gap(form, groups) for arm, form in forms.items()}
        rows += [
            {
                "arm": arm,
                "against": arm,
                "value": known(values[arm]),
                "p_value": known(by_chance(form, groups, draws.seed)),
                **own,
            }
            for arm, form in forms.items()
        ]
        rows += [
            {
                "arm": arm,
                "against": other,
                "value": known(values[arm]),
                **_difference(forms[arm], forms[other], groups, draws),
                **own,
            }
            for arm, other in COMPARED
            if arm in forms and other in forms
        ]
    return rows


def observed_gap(form: Form, groups: Groups) -> float:
    """Best minus worst group; NaN with fewer than two groups that have a number."""
    return float(_gap(form, groups, groups.code, np.ones((1, len(groups.code))))[0])


def by_chance(form: Form, groups: Groups, seed: int = 0) -> float:
    """Share of random regroupings whose gap is at least the observed one, the observed one counted; NaN
    where it cannot be had."""
    observed = observed_gap(form, groups)
    if not np.isfinite(observed) or _too_large(form):
        return float("nan")
    placed = np.flatnonzero(groups.code >= 0)
    codes = np.tile(groups.code, (REGROUPINGS, 1))
    codes[:, placed] = np.random.default_rng([seed, groups.count]).permuted(codes[:, placed], axis=1)
    extreme = _gap(form, groups, codes, np.ones(codes.shape)) >= observed - 1e-12
    return float((extreme.sum() + 1) / (REGROUPINGS + 1))


def _difference(form: Form, other: Form, groups: Groups, draws: Draws) -> dict[str, float | None]:
    """The columns of `lift` that compare two gaps."""
    difference = known(observed_gap(form, groups) - observed_gap(other, groups))
    if _too_large(form):
        return {"difference": difference}
    code = groups.code
    parts = [
        _gap(form, groups, code, weights) - _gap(other, groups, code, weights)
        for weights in draws.batches(len(code))
    ]
    resampled = np.concatenate(parts)
    low, high = percentiles(resampled)
    return {
        "difference": difference,
        "ci_low": known(low),
        "ci_high": known(high),
        "detectable": known(POWER * spread(resampled)),
    }


def _too_large(form: Form) -> bool:
    return isinstance(form.resampled, Concordance) and form.resampled.users > LARGEST


def _gap(form: Form, groups: Groups, code: Codes, weights: Doubles) -> Doubles:
    """(draws,) best minus worst group; `code` is (users,) or one grouping a draw, `weights` (draws,
    users)."""
    values = group_values(form, groups.count, code, weights)
    finite = np.isfinite(values)
    best, worst = np.where(finite, values, -np.inf).max(1), np.where(finite, values, np.inf).min(1)
    enough = finite.sum(1) > 1
    return np.where(enough, np.where(enough, best, 0.0) - np.where(enough, worst, 0.0), np.nan)


def group_values(form: Form, count: int, code: Codes, weights: Doubles) -> Doubles:
    """(draws, groups) the metric of each of `count` groups; `code` and `weights` as in `_gap`."""
    columns = []
    for group in range(count):
        member = code == group
        users = np.flatnonzero(member if member.ndim == 1 else member.any(0))
        drawn = weights[:, users] if member.ndim == 1 else weights[:, users] * member[:, users]
        with np.errstate(invalid="ignore", divide="ignore"):
            columns.append(
                _ratio(form.resampled, drawn, users)
                if isinstance(form.resampled, Sums)
                else _auc(form.resampled, drawn, users)
            )
    return np.stack(columns, axis=1)


def _ratio(sums: Sums, drawn: Doubles, users: Codes) -> Doubles:
    return np.asarray((drawn @ sums.numerator[users]) / (drawn @ sums.denominator[users]))


def _auc(auc: Concordance, drawn: Doubles, users: Codes) -> Doubles:
    if auc.users > LARGEST:
        return _auc_of_one(auc, users)
    won = auc.pairs[np.ix_(users, users)]
    totals = (drawn @ auc.positives[users]) * (drawn @ auc.negatives[users])
    return np.asarray(((drawn @ won) * drawn).sum(1) / totals)


def _auc_of_one(auc: Concordance, users: Codes) -> Doubles:
    """(1,) AUC of a group's own rows, where the matrix of all users would not fit."""
    rows = np.isin(auc.user, users)
    own = Concordance(auc.label[rows], auc.scores[:, rows], auc.user[rows], auc.users)
    return np.array([own.shares.sum() / own.total if own.total else np.nan])
