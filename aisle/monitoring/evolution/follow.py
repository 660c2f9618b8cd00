"""How the categories change, from the dated products of the catalogue and the stream."""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from aisle.monitoring.evolution import centres, proposals, shares, terms, time_effect
from aisle.pipeline.params import Section
from aisle.pipeline.tables import KEY

SHOWN = 12
"""Terms that rise, and that fall, of the tables; products of a proposed category that are shown."""


class EvolutionParams(Section):
    """Section `evolution`.

    Parameters
    ----------
    period
        Week, month or quarter.
    alpha
        Of each family of tests.
    confidence
        Of the shares' intervals.
    n_permutations, n_null, n_random, n_bootstrap
        Permutations of groups; samples of a single cluster; random splits and resamples of the effect of
        time.
    seed
        Of all that is drawn.
    """

    period: Literal["W", "M", "Q"]
    alpha: float = Field(0.05, gt=0, lt=0.5)
    confidence: float = Field(0.95, gt=0.5, lt=1)
    n_permutations: int = Field(999, ge=99)
    n_null: int = Field(99, ge=19)
    n_random: int = Field(10, ge=2)
    n_bootstrap: int = Field(500, ge=20)
    seed: int = 0


@dataclass(frozen=True)
class Evolution:
    """What is found.

    Attributes
    ----------
    tables
        `shares`, `changes`, `terms`, `movements`, `proposals`, `examples` (of proposed categories: group,
        product_id, title, jpeg).
    metrics
        For metrics/evolution.json.
    """

    tables: dict[str, pd.DataFrame]
    metrics: dict[str, Any] = field(default_factory=dict)


def periods(days: pd.Series, period: str) -> pd.Series:
    """Return the first day of each day's period."""
    return pd.to_datetime(days).dt.to_period(period).dt.start_time.dt.strftime("%Y-%m-%d")


def nothing() -> Evolution:
    """Return empty tables: nothing is dated."""
    columns = {
        "shares": shares.BY_PERIOD,
        "changes": shares.CHANGES,
        "terms": terms.COLUMNS,
        "movements": centres.COLUMNS,
        "proposals": proposals.COLUMNS,
        "examples": ["group", KEY, "title", "jpeg"],
    }
    return Evolution({name: pd.DataFrame(columns=each) for name, each in columns.items()}, {"periods": 0})


def follow(products: pd.DataFrame, params: EvolutionParams) -> Evolution:
    """Return how the categories change.

    Parameters
    ----------
    products
        reports/monitoring/products.parquet; those without a date are left out.
    params
        Section `evolution`.
    """
    dated = products[products["date"].notna()].reset_index(drop=True)
    dated = dated.assign(category=dated["label"].fillna(dated["predicted"]))
    if dated.empty or periods(dated["date"], params.period).nunique() < 2:
        return nothing()
    dated = dated.assign(period=periods(dated["date"], params.period))
    dated["text"] = dated["title"].fillna("").str.lower() + " " + dated["text"].fillna("")
    vectors = np.stack(dated["vector"].to_list())
    first = ~dated.sort_values(["date", KEY]).duplicated("group").sort_index().to_numpy()
    one, rng = dated[first].reset_index(drop=True), np.random.default_rng(params.seed)
    last = (one["period"] == one["period"].max()).to_numpy()
    words = terms.compare(list(one["text"]), last)
    groups, members = proposals.new_groups(dated, vectors)
    told = [
        proposals.splits(one, vectors[first], params.n_null, params.seed),
        proposals.merges(one, params.alpha),
        groups,
    ]
    found = {
        "shares": shares.by_period(one, params.confidence),
        "changes": shares.changes(one, params.alpha),
        "terms": pd.concat([words.head(SHOWN), words.tail(SHOWN)]).drop_duplicates("term", ignore_index=True),
        "movements": centres.movements(dated, vectors, params.alpha, params.n_permutations, rng),
        "proposals": pd.concat([each for each in told if len(each)] or told[:1], ignore_index=True),
        "examples": examples(dated, members),
    }
    return Evolution(found, figures(dated, vectors, found, params, rng))


def examples(products: pd.DataFrame, members: pd.Series) -> pd.DataFrame:
    """Return the products of each proposed category that are shown, the most foreign first."""
    rows = products[products[KEY].isin(members.index) & products["jpeg"].notna()]
    rows = rows.assign(group=rows[KEY].map(members).astype(int)).sort_values(["group", "foreign_p", KEY])
    return rows.groupby("group").head(SHOWN)[["group", KEY, "title", "jpeg"]].reset_index(drop=True)


def figures(
    dated: pd.DataFrame,
    vectors: np.ndarray,
    found: dict[str, pd.DataFrame],
    params: EvolutionParams,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Return the metrics: counts, and the effect of time with its interval."""
    change = found["changes"]["change"]
    told = found["proposals"]
    metrics: dict[str, Any] = {
        "periods": int(dated["period"].nunique()),
        "dated": len(dated),
        **{f"categories_{name}": int((change == name).sum()) for name in (shares.NEW, shares.VANISHING)},
        "categories_changed": int((change != shares.STEADY).sum()),
        "categories_moved": int(found["movements"]["alarm"].sum()),
        "splits_proposed": int(((told["kind"] == proposals.SPLIT) & (told["p"] <= params.alpha)).sum()),
        "merges_proposed": int((told["kind"] == proposals.MERGE).sum()),
        "new_categories_proposed": int((told["kind"] == proposals.NEW).sum()),
    }
    known = dated["label"].notna().to_numpy()
    rows = dated[known]
    effect = None
    if rows["label"].nunique() > 1:
        effect = time_effect.measure(
            vectors[known], rows["label"].to_numpy(str), rows["date"].to_numpy(str), rows["group"].to_numpy(),
            params.n_random, params.n_bootstrap, rng,
        )  # fmt: skip
    if effect:
        metrics |= {
            "time_effect": effect.difference,
            "time_effect_low": effect.low,
            "time_effect_high": effect.high,
            "time_effect_accuracy_later": effect.later,
            "time_effect_accuracy_at_random": effect.at_random,
            "learned_from": effect.learned,
            "tested_on": effect.tested,
        }
    return metrics
