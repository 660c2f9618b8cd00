"""What came in: products, refused rows, categories, prices, brands, specifications."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aisle.report.blocks import Block, Details, FigureBlock, Leaf, Paragraph, Section, TableBlock
from aisle.report.data.results import Results
from aisle.report.figures.boxes import boxes, medians
from aisle.report.figures.hierarchy import pruned, sunburst
from aisle.report.figures.labels import cut, label
from aisle.report.style import colours, styled

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

LISTED = 20
"""Bars of brands and of specifications, and refused rows; the files have all."""
LISTED_CATEGORIES = 40
"""Bars of categories, the largest."""
TABLE_ROWS = 50
"""Specification keys and values in the page's tables."""
NODES = 300
"""Nodes of the category tree that are drawn by their own name."""
KEYS, VALUES = 16, 6
"""Specification keys of the sunburst, and values of each."""
GREY = "#B4B9C1"
"""Of what stands for several."""
NEUTRAL = "#3F7CAC"
"""Of what stands for no category; more than 3:1 on the light and on the dark page."""
LIGHT, DARK = "#A9CCE3", "#0B4F7D"
"""Of the rarest and of the most frequent value of a specification."""


def section(results: Results) -> Section:
    """Return counts, refused rows, what is missing, categories, prices, brands, specifications."""
    ingest, images, folds = (results.metrics[name] for name in ("ingest", "images", "folds"))
    facts = {
        "rows in the table": ingest["rows"],
        "products": ingest["products"],
        "refused rows": ingest["refused"],
        "without a readable picture": ingest["products"] - images["readable"],
        "without a description": ingest["without_description"],
        "without a brand": ingest["without_brand"],
        "categories": ingest["categories"],
        "depth of the category paths": f"{ingest['path_depth_min']} to {ingest['path_depth_max']}",
        "near-duplicate pairs by text": folds["text_pairs"],
        "near-duplicate pairs by picture": folds["picture_pairs"],
        "products in groups of near-duplicates": folds["products_in_groups_of_several"],
        "largest group of near-duplicates": folds["largest_group"],
        "groups across categories": folds["groups_across_categories"],
    }
    return Section(
        "catalogue",
        "The catalogue",
        [
            TableBlock("What came in", pd.DataFrame(facts.items(), columns=["", "count"])),
            _refused(results),
            _missing(results),
            _categories(results),
            _tree(results),
            *_prices(results),
            _brands(results),
            *_specifications(results),
        ],
    )


def _bars(names: list[str], counts: list[int], axis: str, colour: str | list[str] = NEUTRAL) -> "Figure":
    """Return horizontal bars, the first on top."""
    import plotly.graph_objects as go

    bars = go.Bar(
        x=counts[::-1],
        y=names[::-1],
        orientation="h",
        marker_color=colour if isinstance(colour, str) else colour[::-1],
    )
    return styled(go.Figure(bars, layout={"xaxis_title": axis}), 110 + 26 * len(names))


def _categories(results: Results) -> FigureBlock:
    sizes = results.products["category"].value_counts().sort_index()
    colour = colours(list(sizes.index))
    smallest, largest = sizes.min(), sizes.max()
    caption = (
        f"{len(sizes)} categories of {largest:,} products each: the classes are balanced."
        if smallest == largest
        else f"{len(sizes)} categories; the smallest, {sizes.idxmin()}, has {smallest:,} products, the "
        f"largest, {sizes.idxmax()}, {largest:,}: {largest / smallest:.1f} times as many."
    )
    if len(sizes) > LISTED_CATEGORIES:
        sizes = sizes.sort_values(ascending=False, kind="stable").head(LISTED_CATEGORIES)
        caption += f" The {LISTED_CATEGORIES} largest are drawn."
    names = [label(str(name)) for name in sizes.index]
    figure = _bars(names, list(sizes), "products", [colour[name] for name in sizes.index])
    return FigureBlock("categories", caption, figure.update_layout(height=120 + 42 * len(names)))


def _tree(results: Results) -> FigureBlock:
    tree = results.exploration["category_tree"]
    nodes = pruned(tree, NODES)
    colour = colours(list(results.products["category"].unique()))
    category = nodes["category"].fillna("")
    parents = dict(zip(nodes["path"], category, strict=True))
    # what stands for several nodes has its parent's colour
    shown = [
        colour.get(own or parents.get(parent, ""), GREY)
        for own, parent in zip(category, nodes["parent"], strict=True)
    ]
    levels, alone = int(tree["level"].max()), int(tree["count"].eq(1).sum())
    deepest = int(tree.loc[tree["level"].eq(levels), "count"].sum())
    caption = (
        f"The category tree has {len(tree):,} nodes on {levels} levels; {alone:,} nodes hold a single "
        f"product, and {deepest:,} products reach the deepest level. Select a segment to see those below it"
    )
    caption += "." if len(nodes) == len(tree) else f"; small nodes stand together, {NODES} have their own."
    return FigureBlock("category-tree", caption, sunburst(nodes, 2, shown))


def _prices(results: Results) -> list[FigureBlock]:
    table = results.exploration["distributions"]
    rows = table[table["measure"].eq("price")]
    if rows.empty:
        return []
    text = "Price in the source's currency"
    categories = list(results.products["category"].unique())
    return [boxes("prices", rows, medians(rows, text, 0), "price, log scale", categories, log=True)]


def _brands(results: Results) -> FigureBlock | Paragraph:
    brands = results.exploration["brands"]
    if brands.empty:
        return Paragraph("No product names a brand.")
    first, top = brands.iloc[0], brands.head(LISTED)
    caption = (
        f"{len(brands):,} brands are named by {first['total']:,} products; the most frequent, "
        f"{first['brand']}, by {first['count']:,}. The {len(top)} shown make up {top['share'].sum():.1%}; "
        f"brands with a single product: {brands['count'].eq(1).sum():,}."
    )
    return FigureBlock(
        "brands", caption, _bars([label(name, 24) for name in top["brand"]], list(top["count"]), "products")
    )


def _missing(results: Results) -> FigureBlock:
    table = results.exploration["missing"].sort_values(["missing", "column"], ascending=[False, True])
    first = table.iloc[0]
    caption = (
        f"Missing most often: {first['column']}, in {first['missing']:,} of {first['total']:,} products "
        f"({first['share']:.1%}); {table['missing'].eq(0).sum()} of {len(table)} columns are complete."
        if first["missing"]
        else f"No product lacks any of these: {', '.join(table['column'])}."
    )
    figure = _bars(list(table["column"]), list(table["missing"]), "products without it")
    return FigureBlock("missing", caption, figure)


def _specifications(results: Results) -> list[Block]:
    keys = results.exploration["specification_keys"]
    values = results.exploration["specification_values"]
    if keys.empty:
        return [Paragraph("No product has specifications.")]
    first = keys.iloc[0]
    best = values[values["key"].eq(first["key"])].iloc[0]
    top = keys.head(LISTED)
    caption = (
        f"{len(keys):,} specification keys in {first['total']:,} specifications; the most frequent is "
        f"{_key(first['key'])}, {first['count']:,} times ({first['share']:.2%}). The {len(top)} shown make "
        f"up {top['share'].sum():.1%}."
    )
    bars = _bars([label(_key(key), 24) for key in top["key"]], list(top["count"]), "specifications")
    told = (
        f"Values within the {min(KEYS, len(keys))} most frequent specification keys: {_key(best['key'])} is "
        f"{best['value']} {best['count']:,} times of {best['total']:,} ({best['share']:.2%}). "
        "The darker a value, the larger its share of its key; grey: many values together."
    )
    tables: list[Leaf] = [
        TableBlock(_first(len(keys), TABLE_ROWS, "specification keys"), _shown(keys.head(TABLE_ROWS))),
        TableBlock(_first(len(values), TABLE_ROWS, "specification values"), _shown(values.head(TABLE_ROWS))),
    ]
    return [
        FigureBlock("specification-keys", caption, bars),
        FigureBlock("specification-values", told, _sunburst_of_values(keys, values)),
        Details("Specifications: keys and values as tables", tables),
    ]


def _key(key: str) -> str:
    return key or "(no key)"


def _first(n: int, limit: int, what: str) -> str:
    return f"All {n:,} {what}" if n <= limit else f"The {limit} most frequent of {n:,} {what}"


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    shown = table.assign(
        key=table["key"].map(_key),
        share=table["share"].map("{:.2%}".format),
        count=table["count"].map("{:,}".format),
        total=table["total"].map("{:,}".format),
    )
    return shown.assign(value=shown["value"].map(lambda text: cut(text, 80))) if "value" in shown else shown


def _sunburst_of_values(keys: pd.DataFrame, values: pd.DataFrame) -> "Figure":
    """Return keys, inside, and their values; what is rare stands together."""
    from plotly.colors import sample_colorscale

    top = keys.head(KEYS)
    inner = pd.DataFrame(
        {"path": top["key"].map(_key), "parent": "", "segment": top["key"].map(_key), "count": top["count"]}
    ).assign(share=0.0)
    rows = values[values["key"].isin(top["key"])]
    place = rows.groupby("key").cumcount()
    kept, rest = rows[place < VALUES], rows[place >= VALUES]
    outer = pd.DataFrame(
        {
            "path": kept["key"].map(_key) + ": " + kept["value"],
            "parent": kept["key"].map(_key),
            "segment": kept["value"].where(kept["value"].ne(""), "(no value)"),
            "count": kept["count"],
            "share": kept["share"],
        }
    )
    others = rest.groupby("key", as_index=False).agg(count=("count", "sum"), n=("value", "size"))
    grouped = pd.DataFrame(
        {
            "path": others["key"].map(_key) + "\n",
            "parent": others["key"].map(_key),
            "segment": others["n"].map("{} others".format),
            "count": others["count"],
            "share": 0.0,
        }
    )
    nodes = pd.concat([inner, outer, grouped], ignore_index=True)
    shades = sample_colorscale([[0, LIGHT], [1, DARK]], list(np.sqrt(nodes["share"].fillna(0))))
    first = nodes["parent"].eq("")
    shown = [
        NEUTRAL if is_key else shade if share else GREY
        for is_key, share, shade in zip(first, nodes["share"], shades, strict=True)
    ]
    return sunburst(nodes, 2, shown)


def _refused(results: Results) -> TableBlock | Paragraph:
    if results.rejects.empty:
        return Paragraph("No row of the table was refused.")
    n, shown = len(results.rejects), results.rejects.head(LISTED)
    return TableBlock(f"Refused rows: {n:,}" + f", the first {LISTED}" * (n > LISTED), shown)
