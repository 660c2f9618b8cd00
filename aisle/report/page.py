"""Render the report: one HTML page that works offline, and its tables as Markdown."""

import base64
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from aisle.catalogue import is_synthetic
from aisle.report.blocks import Block, Details, FigureBlock, PicturesBlock, Section, TableBlock
from aisle.report.results import Results
from aisle.report.sections import (
    answer,
    catalogue,
    checks,
    clusters,
    decisions,
    examples,
    explanation,
    fusion,
    models,
    training,
)

SECTIONS = (
    answer.section,
    catalogue.section,
    clusters.section,
    models.section,
    fusion.section,
    examples.section,
    training.section,
    explanation.section,
    decisions.section,
    checks.section,
)
"""The page's order. A new section is a file in aisle/report/sections/ and an entry here."""
NOTICE = (
    "Made with the built-in synthetic catalogue: these figures say that the pipeline works, "
    "and nothing about real products."
)


def build(results: Results) -> list[Section]:
    """Return all sections."""
    return [make(results) for make in SECTIONS]


def html(sections: Sequence[Section], catalogue: str) -> str:
    """Return the page; Plotly's script stands in it once, so that it works from the disk, offline."""
    from plotly.offline import get_plotlyjs

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(["j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["figure"] = lambda block: isinstance(block, FigureBlock)
    environment.tests["table"] = lambda block: isinstance(block, TableBlock)
    environment.tests["pictures"] = lambda block: isinstance(block, PicturesBlock)
    environment.tests["details"] = lambda block: isinstance(block, Details)
    environment.filters["plot"] = _plot
    environment.filters["uri"] = _uri
    return environment.get_template("page.html.j2").render(
        sections=sections,
        catalogue=catalogue,
        notice=NOTICE if is_synthetic(catalogue) else None,
        plotly=Markup(get_plotlyjs()),
    )


def _plot(block: FigureBlock) -> Markup:
    return Markup(
        block.figure.to_html(
            full_html=False,
            include_plotlyjs=False,
            div_id=f"figure-{block.name}",
            config={"displaylogo": False, "responsive": True},
        )
    )


def _uri(image: bytes) -> str:
    kind = {b"\xff\xd8": "jpeg", b"\x89P": "png"}.get(image[:2], "svg+xml")
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"


def markdown(sections: Sequence[Section], catalogue: str) -> str:
    """Return headings, paragraphs, tables and the figures' captions as Markdown."""
    lines = [f"# {catalogue}: results", ""]
    if is_synthetic(catalogue):
        lines += [f"> {NOTICE}", ""]
    for section in sections:
        lines += [f"## {section.title}", ""]
        for block in section.blocks:
            lines += _markdown(block)
    return "\n".join(lines)


def _markdown(block: Block) -> list[str]:
    if isinstance(block, Details):
        return [f"### {block.summary}", "", *(line for inner in block.blocks for line in _markdown(inner))]
    if isinstance(block, TableBlock):
        cells = block.frame.astype(str).map(lambda text: " ".join(text.replace("|", "\\|").split()))
        return [f"**{block.caption}**", "", cells.to_markdown(index=False, disable_numparse=True), ""]
    return [block.caption if isinstance(block, FigureBlock | PicturesBlock) else block.text, ""]
