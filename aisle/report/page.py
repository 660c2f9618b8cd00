"""Render the report: one HTML page that works offline, and its tables as Markdown."""

import base64
import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from aisle.catalogue.label import is_synthetic
from aisle.pipeline.errors import AisleError, some
from aisle.pipeline.escaping import markdown as escaped
from aisle.pipeline.tables import KEY
from aisle.pretrained.status import UNTRAINED
from aisle.report.blocks import (
    Block,
    Cards,
    Details,
    FigureBlock,
    Leaf,
    Paragraph,
    PicturesBlock,
    Section,
    TableBlock,
    Verdict,
)
from aisle.report.data.results import Results
from aisle.report.sections import (
    answer,
    catalogue,
    checks,
    clusters,
    comparison,
    decisions,
    examples,
    explanation,
    fusion,
    models,
    monitoring,
    pictures,
    text,
    training,
    tree,
)
from aisle.report.style import THEMES, template

SECTIONS = (
    answer.section,
    catalogue.section,
    pictures.section,
    text.section,
    clusters.section,
    models.section,
    tree.section,
    comparison.section,
    fusion.section,
    examples.section,
    training.section,
    explanation.section,
    decisions.section,
    checks.section,
    monitoring.section,
)
"""The page's order. A new section is a file in aisle/report/sections/ and an entry here."""
NOTICE = (
    "Made with the built-in synthetic catalogue: these figures say that the pipeline works, "
    "and nothing about real products."
)
UNTRAINED_NOTE = "Untrained: random weights had a part in it, so that it says nothing about the real model."
PRODUCTS = "products"
"""`meta` of the traces whose points are products."""
TITLE_LENGTH = 80
"""Characters of a product's name that the page shows on hover."""
MAX_PICTURES = 4_000
"""Products whose pictures the page holds, some 4 kB each: those that most figures show."""

_NUMBER = re.compile(r"[-+±<]?[\d.,]+ ?(%|MB|s|ms)?([ ,]*([\[(±]|to|p [=<]).*)?")


def build(results: Results) -> list[Section]:
    """Return all sections."""
    return [make(results) for make in SECTIONS]


def html(
    sections: Sequence[Section], catalogue: str, products: pd.DataFrame, thumbnails: pd.DataFrame
) -> str:
    """Return the page; Plotly's script stands in it once, so that it works from the disk, offline.

    Parameters
    ----------
    sections
        What `build` returns.
    catalogue
        Its label.
    products
        product_id, title, category of every product.
    thumbnails
        product_id, jpeg (bytes); products without a picture have no row.

    Raises
    ------
    AisleError
        If two figures have the same name, or a figure's point is no product of the catalogue.
    """
    from plotly.offline import get_plotlyjs

    folder = Path(__file__).parent
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=select_autoescape(["j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for kind, cls in _KINDS.items():
        environment.tests[kind] = lambda block, cls=cls: isinstance(block, cls)
    _check_names(sections)
    drawn = {block.name: _figure(block) for block in _leaves(sections) if isinstance(block, FigureBlock)}
    store = _store(list(drawn.values()), products, thumbnails)
    figures = {name: _json(figure) for name, figure in drawn.items()}
    heights = {name: figure["layout"].get("height", 450) for name, figure in drawn.items()}
    environment.filters |= {"uri": uri, "json": _json, "numbers": _numbers}
    environment.filters["untrained"] = lambda block: _untrained(
        block, figures[block.name] if isinstance(block, FigureBlock) else ""
    )
    return environment.get_template("page.html.j2").render(
        sections=sections,
        catalogue=catalogue,
        synthetic=is_synthetic(catalogue),
        notice=NOTICE if is_synthetic(catalogue) else None,
        untrained_note=UNTRAINED_NOTE,
        figures=figures,
        heights=heights,
        products=store,
        pictured=sum(1 for product in store if product[3]),
        themes=THEMES,
        templates={theme: template(theme).to_plotly_json() for theme in THEMES},
        style=Markup((folder / "page.css").read_text(encoding="utf-8")),
        script=Markup((folder / "page.js").read_text(encoding="utf-8")),
        plotly=Markup(get_plotlyjs()),
    )


_KINDS: dict[str, type] = {
    "figure": FigureBlock,
    "table": TableBlock,
    "pictures": PicturesBlock,
    "details": Details,
    "verdict": Verdict,
    "cards": Cards,
}


def _leaves(sections: Sequence[Section]) -> Iterator[Leaf]:
    for section in sections:
        for block in section.blocks:
            yield from block.blocks if isinstance(block, Details) else [block]


def _check_names(sections: Sequence[Section]) -> None:
    names = [section.name for section in sections] + [
        f"figure-{block.name}"
        for block in _leaves(sections)
        if isinstance(block, FigureBlock | PicturesBlock)
    ]
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise AisleError(f"names on the page must be unique; {', '.join(twice)} stand there more than once")


def _figure(block: FigureBlock) -> dict[str, Any]:
    """Return a figure as plain lists and dicts without its template, which the page has once per theme."""
    figure = json.loads(str(block.figure.to_json(validate=False)))
    figure["layout"].pop("template", None)
    rounded: dict[str, Any] = _rounded(figure)
    return rounded


def _rounded(value: Any) -> Any:
    """Round to six digits, and to no less than two decimals: what a figure can show."""
    if isinstance(value, float):
        return round(value, max(2, 5 - math.floor(math.log10(abs(value))))) if value else value
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return {key: _rounded(each) for key, each in value.items()} if isinstance(value, dict) else value


def _store(
    figures: Sequence[dict[str, Any]], products: pd.DataFrame, thumbnails: pd.DataFrame
) -> list[tuple[str, str, str, str]]:
    """Return id, name, category and base64 picture of the products that figures show.

    The traces' ids are replaced by positions in this list, in place: ids are long and stand in many figures.
    """
    traces = [trace for figure in figures for trace in figure["data"] if trace.get("meta") == PRODUCTS]
    for trace in traces:
        trace["customdata"] = [
            each[0] if isinstance(each, list) else each for each in trace.get("customdata") or []
        ]
    shown = Counter(each for trace in traces for each in trace["customdata"])
    names = products.astype({KEY: str}).set_index(KEY)[["title", "category"]]
    if unknown := sorted(set(shown) - set(names.index)):
        raise AisleError(
            f"points of figures must be products of the catalogue; {len(unknown)} are not: {some(unknown)}"
        )
    pictures = dict(zip(thumbnails[KEY].astype(str), thumbnails["jpeg"], strict=True))
    pictured = sorted(set(shown) & set(pictures), key=lambda each: (-shown[each], each))[:MAX_PICTURES]
    kept = {each: base64.b64encode(pictures[each]).decode() for each in pictured}
    order = sorted(shown)
    places = {each: place for place, each in enumerate(order)}
    for trace in traces:
        trace["customdata"] = [places[each] for each in trace["customdata"]]
    rows = names.loc[order]
    return [
        (each, " ".join(str(title).split())[:TITLE_LENGTH], str(category), kept.get(each, ""))
        for each, title, category in zip(order, rows["title"], rows["category"], strict=True)
    ]


def _json(value: Any) -> Markup:
    """Return JSON that can stand in a `script` element: it has no `<`."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))


def uri(image: bytes) -> str:
    """Return a JPEG, PNG or SVG as a data URI."""
    kind = {b"\xff\xd8": "jpeg", b"\x89P": "png"}.get(image[:2], "svg+xml")
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"


def _numbers(frame: pd.DataFrame) -> list[bool]:
    """Return for each column whether its cells are numbers, with an interval or a unit perhaps."""
    cells = [[str(cell) for cell in frame.iloc[:, i] if str(cell)] for i in range(frame.shape[1])]
    return [bool(column) and all(map(_NUMBER.fullmatch, column)) for column in cells]


def _untrained(block: FigureBlock | PicturesBlock | TableBlock, text: str) -> bool:
    """Return whether random weights had a part in a block, by its own word or by names in it that say so."""
    marked = f"({UNTRAINED})"
    if isinstance(block, TableBlock):
        cells = [*map(str, block.frame.columns), *block.frame.astype(str).to_numpy().ravel()]
        return marked in block.caption or any(cell == UNTRAINED or marked in cell for cell in cells)
    return block.untrained or marked in block.caption or marked in text


def markdown(sections: Sequence[Section], catalogue: str) -> str:
    """Return headings, paragraphs, tables and the figures' captions as Markdown; text stays text in it."""
    lines = [f"# {escaped(catalogue)}: results", ""]
    if is_synthetic(catalogue):
        lines += [f"> {NOTICE}", ""]
    for section in sections:
        lines += [f"## {escaped(section.title)}", ""]
        for block in section.blocks:
            lines += _markdown(block)
    return "\n".join(lines)


def _markdown(block: Block) -> list[str]:
    match block:
        case Details():
            inner = (line for leaf in block.blocks for line in _markdown(leaf))
            return [f"### {escaped(block.summary)}", "", *inner]
        case TableBlock():
            return [f"**{escaped(block.caption)}**", "", _markdown_table(block.frame), ""]
        case Cards():
            rows = [[card.label, card.value, card.interval, card.note] for card in block.cards]
            table = pd.DataFrame(rows, columns=["", "value", "interval", "note"])
            return [f"**{escaped(block.caption)}**", "", _markdown_table(table), ""]
        case Verdict():
            return [f"**{escaped(block.word)}**: {escaped(block.text)}", ""]
        case Paragraph():
            link = f" [{block.link}]({block.link})" if block.link else ""
            return [escaped(block.text) + link, ""]
        case _:
            note = " (untrained)" * (block.untrained and UNTRAINED not in block.caption)
            return [escaped(block.caption) + note, ""]


def _markdown_table(frame: pd.DataFrame) -> str:
    cells = frame.astype(str).map(escaped).rename(columns=escaped)
    return str(cells.to_markdown(index=False, disable_numparse=True))
