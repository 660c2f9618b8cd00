"""What the report shows of one feature set, and how its clusters are matched with the categories."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from aisle.pretrained.status import UNTRAINED
from aisle.report.blocks import FigureBlock
from aisle.report.style import styled

GREY = "#888888"
"""Seen on a light and on a dark page."""


@dataclass(frozen=True)
class FeatureSet:
    """What there is to show of a feature set.

    Attributes
    ----------
    name
        As in params.yaml.
    scores
        Its metrics/cluster/<name>.json.
    points, table, curve
        Of its folder in reports/clusters/: points.parquet with the products' `category`, categories.csv and
        variance.csv.
    colour
        Of each category.
    """

    name: str
    scores: dict[str, Any]
    points: pd.DataFrame
    table: pd.DataFrame
    curve: pd.DataFrame
    colour: dict[str, str]

    @property
    def named(self) -> str:
        """The name, with a word where random weights made the features."""
        return named(self.name, self.scores)

    def block(self, kind: str, caption: str, figure: Any, height: int) -> FigureBlock:
        """Return a figure of this set."""
        untrained = self.scores["weights"] == UNTRAINED
        return FigureBlock(
            f"{kind}-{self.name}", f"{self.named}: {caption}", styled(figure, height), untrained
        )

    @property
    def matrix(self) -> pd.DataFrame:
        """Products of each category (index) in each cluster (columns, numbers)."""
        counts = self.table.set_index("category").filter(regex="^cluster_")
        return counts.rename(columns=lambda column: int(column.removeprefix("cluster_")))

    @property
    def distances(self) -> pd.DataFrame:
        """Distance between the centres of each two categories."""
        table = self.table.set_index("category").filter(regex="^distance_")
        return table.rename(columns=lambda column: column.removeprefix("distance_"))

    @property
    def matched(self) -> dict[int, str]:
        """The category of each cluster: one to one, so that most products agree (Hungarian method)."""
        from scipy.optimize import linear_sum_assignment

        matrix = self.matrix
        rows, columns = linear_sum_assignment(matrix.to_numpy(), maximize=True)
        return {
            int(matrix.columns[column]): str(matrix.index[row])
            for row, column in zip(rows, columns, strict=True)
        }


def named(name: str, scores: dict[str, Any]) -> str:
    """Return a feature set's name, with a word where random weights made the features."""
    return f"{name} (untrained)" if scores["weights"] == UNTRAINED else name
