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
    """A figure with a name that is unique on the page and a caption computed from the data.

    A scatter trace whose points are products has their ids as `customdata` and `meta="products"`: the page
    then shows a product's name, category and picture where the pointer is.

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
    """Pictures side by side under a caption computed from the data; a slider for those with an overlay."""

    name: str
    caption: str
    pictures: Sequence[Picture]
    untrained: bool = False


Leaf = Paragraph | TableBlock | FigureBlock | PicturesBlock


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
