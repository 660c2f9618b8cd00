"""A page with a block of every kind, and texts that try to break it."""

import io
from pathlib import Path

import pandas as pd
from PIL import Image

from aisle.report import page
from aisle.report.blocks import (
    Card,
    Cards,
    Details,
    FigureBlock,
    Paragraph,
    Picture,
    PicturesBlock,
    Section,
    TableBlock,
    Verdict,
)
from aisle.report.style import colours, styled

LABEL = "example (synthetic)"
HOSTILE = '</script><b>Watch & "clock"</b> <!-- é'
FORMULA = "=1;=2"
N = 24


def picture(colour: str, side: int = 96) -> bytes:
    """Return the bytes of a JPEG of one colour."""
    file = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(file, "JPEG")
    return file.getvalue()


def products() -> pd.DataFrame:
    """Return products of three categories; the first has a hostile name, the fourth's is a formula."""
    titles = [f"Product {i}, a rather long name, " * 4 for i in range(N)]
    titles[0], titles[3] = HOSTILE, FORMULA
    return pd.DataFrame(
        {
            "product_id": [f"p{i:02d}" for i in range(N)],
            "title": titles,
            "category": ["Clocks", "Lamps for the bedroom and the kitchen", "Mugs"] * (N // 3),
        }
    )


def thumbnails() -> pd.DataFrame:
    """Return pictures of all products but the last."""
    return pd.DataFrame({"product_id": products()["product_id"][:-1], "jpeg": [picture("teal")] * (N - 1)})


def scatter(name: str, kind: str = "scatter") -> FigureBlock:
    """Return a map of the products."""
    import plotly.graph_objects as go

    rows = products()
    colour = colours(list(rows["category"].unique()))
    traces = [
        {
            "type": kind, "mode": "markers", "name": category, "x": each.index * 1.23456789,
            "y": each.index % 5 / 3, "customdata": each["product_id"], "meta": "products",
            "text": [f"cluster {i % 3}" for i in each.index],
            "marker": {"color": colour[str(category)], "size": 14},
        }
        for category, each in rows.groupby("category")
    ]  # fmt: skip
    return FigureBlock(
        name, f"A map, {name}: {HOSTILE}.", styled(go.Figure(traces)), untrained=kind != "scatter"
    )


def figures() -> dict[str, FigureBlock]:
    """Return figures of several kinds."""
    import plotly.graph_objects as go

    names = sorted(products()["category"].unique())
    made = {
        "bars": go.Bar(x=[3, 5, 2], y=names, orientation="h", error_x={"array": [0.1, 0.2, 0.3]}),
        "heatmap": go.Heatmap(z=[[1, 2, None], [4, 5, 6]], x=names, y=["a", "b"], texttemplate="%{z}"),
        "sunburst": go.Sunburst(labels=["all", *names], parents=["", *["all"] * 3], values=[6, 1, 2, 3]),
        "histogram": go.Histogram(x=[1, 1, 2, 5, 5, 5]),
    }
    return {
        name: FigureBlock(name, f"A figure, {name}.", styled(go.Figure(trace)))
        for name, trace in made.items()
    }


def sections() -> list[Section]:
    """Return two sections with a block of every kind."""
    table = pd.DataFrame(
        {"model": [HOSTILE, "VGG16 (untrained)"], "accuracy": ["0.910 [0.900, 0.920]", "0.1"]}
    )
    wide = pd.DataFrame([range(40)], columns=[f"column {i}" for i in range(40)])
    pictures = [
        Picture(
            picture("green", 200), "A green square", ["true: Mugs", "predicted: Clocks"], picture("red", 200)
        ),
        Picture(picture("blue", 200), "A blue square"),
        Picture(
            b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><circle cx="4" cy="4" r="4"/></svg>',
            "A dot",
        ),
    ]
    made = figures()
    first = [
        Verdict("Feasible", "because it is so.", "good"),
        Cards("Key figures", [Card("Right", "96%", "95% to 97%", "out of fold"), Card("Model", HOSTILE)]),
        Paragraph(HOSTILE),
        TableBlock("A table | of models", table),
        scatter("map"),
        *made.values(),
    ]
    second = [
        PicturesBlock("heat", "Where the model looks", pictures, untrained=True, width=200),
        TableBlock("A wide table", wide),
        Details(
            "Folded away", [scatter("folded"), scatter("webgl", "scattergl"), TableBlock("Inside", table)]
        ),
    ]
    return [Section("first", "First section", first), Section("second", "Second section", second)]


def write_empty(path: Path) -> Path:
    """Write a page with a figure that has axes and no values."""
    import plotly.graph_objects as go

    axis = {"range": [0, 9], "title": "a title"}
    figure = styled(go.Figure(go.Scatter(x=[], y=[]), layout={"xaxis": axis, "yaxis": axis}))
    sections = [Section("only", "Only", [FigureBlock("empty", "Empty.", figure)])]
    path.write_text(page.html(sections, "shop", products(), thumbnails()), encoding="utf-8")
    return path


def write_page(path: Path) -> Path:
    """Write the page."""
    path.write_text(page.html(sections(), LABEL, products(), thumbnails()), encoding="utf-8")
    return path
