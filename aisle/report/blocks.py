"""What a report is made of: sections of paragraphs, tables and figures, whatever they are rendered to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pandas as pd

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


Level = Literal["good", "fair", "poor"]


@dataclass(frozen=True)
class Paragraph:
    """Plain text, and the address of a page beside the report that it tells of."""

    text: str
    link: str = ""


@dataclass(frozen=True)
class Verdict:
    """The answer in one sentence, in large type.

    Attributes
    ----------
    word
        The answer itself, such as `Feasible`.
    text
        What it rests on.
    level
        The mark beside it.
    """

    word: str
    text: str
    level: Level


@dataclass(frozen=True)
class Card:
    """A key figure: what it is, its value, its interval ("" where there is none), and a line about it."""

    label: str
    value: str
    interval: str = ""
    note: str = ""


@dataclass(frozen=True)
class Cards:
    """Key figures side by side."""

    caption: str
    cards: Sequence[Card]


@dataclass(frozen=True)
class TableBlock:
    """A table with a caption that says what it shows; cells are text or numbers, ready to be shown."""

    caption: str
    frame: pd.DataFrame


@dataclass(frozen=True)
class FigureBlock:
    """A figure with a name that is unique on the page and a caption computed from the data.

    A trace whose points are products has their ids as `customdata` (a list, or the first of a list per point)
    and `meta="products"`: instead of Plotly's label the page then shows the picture, name and category of the
    product under the pointer, and below them the point's `text`, if it has one. Text, grid and background
    have the page's colours, light or dark: a figure names none for them.

    Attributes
    ----------
    untrained
        Whether random weights had a part in it; the page then says so beside it.
    """

    name: str
    caption: str
    figure: "Figure"
    untrained: bool = False


@dataclass(frozen=True)
class Picture:
    """A picture and the text below it.

    Attributes
    ----------
    image
        JPEG, PNG or SVG bytes.
    alternative
        What is to be seen, for those who cannot see it.
    text
        Lines below the picture.
    overlay
        JPEG or PNG bytes drawn over it, by a slider's opacity.
    """

    image: bytes
    alternative: str
    text: Sequence[str] = ()
    overlay: bytes | None = None


@dataclass(frozen=True)
class PicturesBlock:
    """Pictures side by side under a caption computed from the data; a slider for those with an overlay.

    Attributes
    ----------
    name
        Unique on the page.
    untrained
        Whether random weights had a part in it; the page then says so beside it.
    width
        Least width of a picture in pixels: as many stand side by side as there is room for.
    """

    name: str
    caption: str
    pictures: Sequence[Picture]
    untrained: bool = False
    width: int = 160


Leaf = Paragraph | Verdict | Cards | TableBlock | FigureBlock | PicturesBlock


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
