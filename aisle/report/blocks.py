"""What a report is made of: sections of paragraphs, tables and figures, whatever they are rendered to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


@dataclass(frozen=True)
class Paragraph:
    """Plain text."""

    text: str


@dataclass(frozen=True)
class TableBlock:
    """A table with a caption that says what it shows; cells are text or numbers, ready to be shown."""

    caption: str
    frame: pd.DataFrame


@dataclass(frozen=True)
class FigureBlock:
    """A figure with a name that is unique on the page and a caption computed from the data."""

    name: str
    caption: str
    figure: "Figure"


Leaf = Paragraph | TableBlock | FigureBlock


@dataclass(frozen=True)
class Details:
    """Blocks that are folded away under a summary until the reader opens them; not nested."""

    summary: str
    blocks: Sequence[Leaf]


Block = Leaf | Details


@dataclass(frozen=True)
class Section:
    """A part of the page; `name` is its anchor."""

    name: str
    title: str
    blocks: Sequence[Block]
