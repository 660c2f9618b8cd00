"""Which model to use: of those within noise of the best the cheapest that may decide.

The rule's reasons: docs/decisions/0011-champion.md.
"""

from dataclasses import dataclass
from typing import Any

import pandas as pd
from pydantic import Field

from aisle.evaluation.significance import corrected_error
from aisle.pipeline.errors import AisleError
from aisle.pipeline.params import Section
from aisle.pretrained.status import ABSENT, UNTRAINED

SCORE = "cv_accuracy"
RULE = (
    "best cross-validated accuracy; of the models within `standard_errors` (Nadeau-Bengio) of the best, "
    "those that may decide some products alone, if any; of these the smallest package"
)


class ChampionParams(Section):
    """Section `champion`."""

    standard_errors: float = Field(ge=0)


@dataclass(frozen=True)
class Choice:
    """Champion, challenger (None where there is one model only), and the table they were chosen from.

    `table` has one row per candidate, the best first: model, accuracy, megabytes, behind (accuracy of the
    best minus its own, mean of the folds), standard_error (of that difference), tied, role.
    """

    champion: str
    challenger: str | None
    table: pd.DataFrame


def candidates(scores: dict[str, Any]) -> list[str]:
    """Return the models that may be champion: trained, available and cross-validated."""
    entries = {name: entry for name, entry in scores.items() if isinstance(entry, dict)}
    return [
        name
        for name, entry in entries.items()
        if entry.get("weights") not in (UNTRAINED, ABSENT) and entry.get(SCORE) is not None
    ]


def choose(
    scores: dict[str, Any], folds: pd.DataFrame, n_bytes: dict[str, int], params: ChampionParams
) -> Choice:
    """Choose champion and challenger.

    Parameters
    ----------
    scores
        metrics/models.json.
    folds
        reports/evaluation/folds.csv; a model's seeds are averaged in each fold.
    n_bytes
        Bytes of each candidate's package; a model that has none cannot be chosen.
    params
        How many standard errors are noise.

    Raises
    ------
    AisleError
        If no model may be champion.
    """
    names = [name for name in candidates(scores) if name in n_bytes]
    if not names:
        raise AisleError(
            "there must be a model with trained weights, cross-validated scores and a model folder; there is "
            "none. Set `source` of some weights in params.yaml, or keep a model that needs none."
        )
    names = sorted(names, key=lambda name: (-scores[name][SCORE], n_bytes[name], name))
    table = _behind(names, scores, folds, n_bytes, params)
    tied = [name for name, same in zip(names, table["tied"], strict=True) if same]
    decide = [name for name in tied if scores[name].get("guaranteed_coverage")]
    champion = min(decide or tied, key=lambda name: (n_bytes[name], names.index(name)))
    challenger = next((name for name in names if name != champion), None)
    roles = {champion: "champion", challenger: "challenger"}
    return Choice(champion, challenger, table.assign(role=[roles.get(name, "") for name in names]))


def _behind(
    names: list[str],
    scores: dict[str, Any],
    folds: pd.DataFrame,
    n_bytes: dict[str, int],
    params: ChampionParams,
) -> pd.DataFrame:
    """Return the table of `Choice`, without roles, of models in order, the best first."""
    accuracy = folds.groupby(["model", "repeat", "fold"])["accuracy"].mean().unstack("model")
    n_splits = accuracy.index.get_level_values("fold").nunique()
    best, rows = names[0], []
    for name in names:
        difference = (accuracy[best] - accuracy[name]).to_numpy()
        behind, error = float(difference.mean()), corrected_error(difference, 1 / (n_splits - 1))
        rows.append(
            {
                "model": name,
                "accuracy": scores[name][SCORE],
                "megabytes": n_bytes[name] / 1e6,
                "behind": behind,
                "standard_error": error,
                "tied": name == best or behind <= params.standard_errors * error,
            }
        )
    return pd.DataFrame(rows)


def metrics(choice: Choice, scores: dict[str, Any], params: ChampionParams) -> dict[str, Any]:
    """Return the flat dict of metrics/champion.json."""
    table = choice.table.set_index("model").to_dict(orient="index")
    result: dict[str, Any] = {"champion": choice.champion, "challenger": choice.challenger}
    for role, name in (("champion", choice.champion), ("challenger", choice.challenger)):
        for key in (SCORE, f"{SCORE}_low", f"{SCORE}_high"):
            result[f"{role}_{key.removeprefix('cv_')}"] = scores[name].get(key) if name else None
        result[f"{role}_megabytes"] = table[name]["megabytes"] if name else None
    return result | {
        "best": next(iter(table)),
        "champion_behind": table[choice.champion]["behind"],
        "champion_behind_standard_error": table[choice.champion]["standard_error"],
        "candidates": len(table),
        "tied": int(choice.table["tied"].sum()),
        "standard_errors": params.standard_errors,
        "rule": RULE,
    }
