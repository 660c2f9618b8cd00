"""The pictures: sizes, quality, samples of each category, near-duplicates side by side."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from aisle.report.blocks import (
    Block,
    Details,
    FigureBlock,
    Paragraph,
    Picture,
    PicturesBlock,
    Section,
    TableBlock,
)
from aisle.report.data.results import Results
from aisle.report.figures.boxes import boxes, medians
from aisle.report.figures.labels import cut
from aisle.report.style import styled

QUALITY = {
    "brightness": ("Brightness", "mean luminance, 0 to 1"),
    "contrast": ("Contrast", "standard deviation of luminance, 0 to 1"),
    "sharpness": ("Sharpness", "variance of the Laplacian, log scale"),
    "background": ("Background", "share of the picture that is like its border"),
}
"""Measure to its title and the title of its axis."""
MANY = 20
"""Categories of which samples are shown, the largest."""


def section(results: Results) -> Section:
    """Return sizes, quality and samples of the pictures, and near-duplicates of pictures and texts."""
    readable = results.metrics["images"]["readable"]
    blocks: list[Block] = (
        [_sizes(results), *_samples(results), _quality(results)]
        if readable
        else [Paragraph("No product has a readable picture.")]
    )
    blocks += [_alike_pictures(results), _alike_texts(results)]
    return Section("pictures", "Pictures and near-duplicates", blocks)


def _sizes(results: Results) -> FigureBlock:
    import plotly.graph_objects as go

    sizes = results.exploration["picture_sizes"]
    first = sizes.sort_values(["count", "width", "height"]).iloc[-1]
    n, products = int(sizes["count"].sum()), len(results.products)
    points = go.Scatter(
        x=sizes["width"],
        y=sizes["height"],
        mode="markers",
        text=sizes["count"],
        marker={
            "size": sizes["count"],
            "sizemode": "area",
            "sizeref": 2 * sizes["count"].max() / 40**2,
            "sizemin": 3,
            "color": "#3F7CAC",
            "opacity": 0.75,
        },
        hovertemplate="%{x} by %{y} pixels: %{text:,} pictures<extra></extra>",
    )
    caption = (
        f"{n:,} of {products:,} products have a readable picture; the most frequent size, to about 32 "
        f"pixels, is {first['width']} by {first['height']} ({first['count']:,} pictures). A circle's area is "
        "the number of pictures."
    )
    layout = {"xaxis_title": "width in pixels", "yaxis_title": "height in pixels"}
    return FigureBlock("picture-sizes", caption, styled(go.Figure(points, layout=layout)))


def _samples(results: Results) -> list[PicturesBlock]:
    shown = results.exploration["pictures"]
    if shown.empty:
        return []
    sizes = results.products["category"].value_counts()
    largest = sorted(sizes.index, key=lambda name: (-sizes[name], name))[:MANY]
    shown = shown[shown["category"].isin(largest)]
    titles = dict(zip(results.products["product_id"], results.products["title"], strict=True))
    pictures = [
        Picture(
            row["jpeg"],
            f"{row['category']}: {titles[row['product_id']]}",
            (row["category"], cut(titles[row["product_id"]], 60)),
        )
        for row in shown.to_dict("records")
    ]
    caption = (
        f"{len(pictures)} of {results.metrics['images']['readable']:,} pictures, drawn by chance: up to "
        f"{shown['category'].value_counts().max()} of each of {shown['category'].nunique()} categories."
    )
    return [PicturesBlock("sample-pictures", caption, pictures, width=130)]


def _quality(results: Results) -> Details:
    table = results.exploration["distributions"]
    categories = list(results.products["category"].unique())
    figures = [
        boxes(
            f"quality-{measure}",
            rows,
            medians(rows, f"{title} of the pictures", 4 if measure == "sharpness" else 2),
            axis,
            categories,
            log=measure == "sharpness",
        )
        for measure, (title, axis) in QUALITY.items()
        if not (rows := table[table["measure"].eq(measure)]).empty
    ]
    bright = table[table["measure"].eq("brightness") & table["category"].eq("")]["median"].iloc[0]
    back = table[table["measure"].eq("background") & table["category"].eq("")]["median"].iloc[0]
    return Details(
        f"Quality of the pictures: brightness {bright:.2f} and background {back:.0%} in the median",
        figures,
    )


def _alike_pictures(results: Results) -> PicturesBlock | Paragraph:
    n = results.metrics["folds"]["picture_pairs"]
    table = results.exploration["near_duplicates"].query("kind == 'picture'")
    if table.empty:
        return Paragraph("No two products have pictures that are nearly the same.")
    pictures = [
        Picture(
            row["jpeg"],
            f"{row['title_left']}, and {row['title_right']}",
            (
                _bits(row["value"]),
                _categories(row),
                f"{cut(row['title_left'], 60)} | {cut(row['title_right'], 60)}",
            ),
        )
        for row in table.to_dict("records")
    ]
    caption = (
        f"{len(table)} of {n:,} pairs of nearly the same picture, one of each group, the most alike first: "
        f"at most {table['value'].max():.0f} of 256 bits differ. {_across(table)}"
    )
    return PicturesBlock("alike-pictures", caption, pictures, width=240)


def _categories(row: Mapping[Any, Any]) -> str:
    same = row["category_left"] == row["category_right"]
    return row["category_left"] if same else f"{row['category_left']} | {row['category_right']}"


def _bits(value: float) -> str:
    return "the same picture" if value == 0 else f"{value:.0f} of 256 bits differ"


def _across(table: pd.DataFrame) -> str:
    n = int(table["category_left"].ne(table["category_right"]).sum())
    return f"{n or 'None'} of the pairs shown {'are' if n > 1 else 'is'} in two categories."


def _alike_texts(results: Results) -> TableBlock | Paragraph:
    n = results.metrics["folds"]["text_pairs"]
    table = results.exploration["near_duplicates"].query("kind == 'text'")
    if table.empty:
        return Paragraph("No two products have texts that are nearly the same.")
    rows = [
        {
            "similarity": f"{row['value']:.3f}",
            "one product": f"{row['title_left']}: {row['text_left']}",
            "the other": f"{row['title_right']}: {row['text_right']}",
            "category": _categories(row),
        }
        for row in table.to_dict("records")
    ]
    caption = (
        f"{len(rows)} of {n:,} pairs of nearly the same text, one of each group, those of two categories "
        f"first, then the most alike. {_across(table)}"
    )
    return TableBlock(caption, pd.DataFrame(rows))
