"""Show the report's sections in a Jupyter notebook: the same tables and figures, from the same files."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from aisle.catalogue.label import is_synthetic
from aisle.report.blocks import (
    Block,
    Cards,
    Details,
    FigureBlock,
    Leaf,
    Paragraph,
    Picture,
    PicturesBlock,
    Section,
    TableBlock,
    Verdict,
)
from aisle.report.data.folder import read_folder
from aisle.report.data.results import Results
from aisle.report.page import NOTICE, uri


def read(folder: str | Path = ".") -> Results:
    """Return what the report of a repository's folder shows, and make figures ready to be drawn.

    Parameters
    ----------
    folder
        Has dvc.yaml, whose stage `report` names the files, params.yaml and the outputs.

    Raises
    ------
    AisleError
        If an output is not there.
    """
    from IPython.display import HTML, display
    from plotly.offline import get_plotlyjs

    results = read_folder(folder)
    # Once for all figures, so that they are drawn offline; not through a page's RequireJS, if it has one.
    script = f"(function(define) {{ {get_plotlyjs()} }}).call(window, undefined)"
    notice = f". {NOTICE}" if is_synthetic(results.catalogue) else ""
    display(HTML(f"<script>{script}</script><p>{escape(results.catalogue + notice)}</p>"))
    return results


def show(section: Section, *names: str) -> None:
    """Show a section below the cell.

    Parameters
    ----------
    section
        What a module of aisle/report/sections/ makes of the results.
    *names
        Of the figures wanted; without any, all of the section is shown.

    Raises
    ------
    ValueError
        If the section has no figure of that name.
    """
    from IPython.display import HTML, display

    blocks = [part for block in section.blocks for part in _parts(block)]
    if names:
        named = {part.name: part for part in blocks if isinstance(part, FigureBlock | PicturesBlock)}
        if unknown := [name for name in names if name not in named]:
            raise ValueError(f"figure must be one of {', '.join(named)}, not {', '.join(unknown)}")
        blocks = [named[name] for name in names]
    for block in blocks:
        display(HTML(_html(block)))


def _parts(block: Block) -> Sequence[Any]:
    """Return what is folded away on the page as what it is: a figure is not drawn while it is hidden."""
    return [Paragraph(block.summary), *block.blocks] if isinstance(block, Details) else [block]


def _html(block: Leaf) -> str:
    if isinstance(block, Paragraph):
        link = f' <a href="{escape(block.link)}">{escape(block.link)}</a>' if block.link else ""
        return f"<p>{escape(block.text)}{link}</p>"
    if isinstance(block, Verdict):
        return f"<p><strong>{escape(block.word)}</strong> {escape(block.text)}</p>"
    if isinstance(block, Cards):
        lines = [f"{card.label}: {card.value} {card.interval} {card.note}" for card in block.cards]
        items = "".join(f"<li>{escape(' '.join(line.split()))}</li>" for line in lines)
        return f"<p><strong>{escape(block.caption)}</strong></p><ul>{items}</ul>"
    caption = f"<p><strong>{escape(block.caption)}</strong></p>"
    if isinstance(block, TableBlock):
        return caption + block.frame.to_html(index=False, border=0, na_rep="")
    caption += "<p>untrained: random weights took part</p>" * block.untrained
    if isinstance(block, FigureBlock):
        drawn = block.figure.to_html(full_html=False, include_plotlyjs=False, div_id=f"figure-{block.name}")
        return caption + drawn
    return caption + "".join(_picture(picture) for picture in block.pictures)


def _picture(picture: Picture) -> str:
    def image(data: bytes) -> str:
        return f'<img src="{uri(data)}" alt="{escape(picture.alternative)}" style="max-width: 200px">'

    images = image(picture.image) + (image(picture.overlay) if picture.overlay else "")
    lines = "<br>".join(escape(line) for line in picture.text)
    style = "display: inline-block; margin: 4px; vertical-align: top"
    return f'<figure style="{style}">{images}<figcaption>{lines}</figcaption></figure>'
