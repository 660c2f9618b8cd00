"""One visual language for all figures: fonts, colours, margins; and how figures are written as text."""

from functools import cache
from typing import TYPE_CHECKING

from aisle.report.colour import luminance

if TYPE_CHECKING:
    from plotly.graph_objects import Figure
    from plotly.graph_objs.layout import Template

# Okabe and Ito's colours can be told apart by the colour-blind. Their black and yellow cannot be seen on one
# of the page's two backgrounds; violet and brown take their places, far from the other six under Machado's
# simulation of protanopia, deuteranopia and tritanopia (CIELAB).
_PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#8A3FFC", "#7A3E1D")

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
THEMES = {
    "light": {"surface": "#ffffff", "ink": "#1b1f24", "line": "#d5dae1", "faint": "#eceff3"},
    "dark": {"surface": "#1b2027", "ink": "#e6eaf0", "line": "#454e5b", "faint": "#2c343f"},
}
"""Colours of both themes that figures share with the page's text: page.css takes them from here."""


def colours(categories: list[str]) -> dict[str, str]:
    """Return a colour for each category, the same in every figure; beyond eight they are alike for some."""
    from plotly.colors import qualitative

    # of Plotly's longest palette, those that neither theme's background swallows
    longer = [colour for colour in qualitative.Alphabet if 0.05 < luminance(colour) < 0.5]
    palette = _PALETTE if len(categories) <= len(_PALETTE) else longer
    return {category: palette[i % len(palette)] for i, category in enumerate(sorted(categories))}


@cache
def template(theme: str) -> "Template":
    """Return Plotly's template for a theme: what no figure says itself, such as the grid's colour.

    Made once: Plotly checks its thousand entries whenever one is made, and there are a hundred figures.
    """
    import plotly.io
    from plotly.graph_objs.layout import Template

    colour = THEMES[theme]
    made = Template(plotly.io.templates["plotly_dark" if theme == "dark" else "plotly_white"])
    axis = {
        "gridcolor": colour["faint"], "linecolor": colour["line"], "zerolinecolor": colour["line"],
        "automargin": True,
    }  # fmt: skip
    polar = {"gridcolor": colour["faint"], "linecolor": colour["line"]}
    made.layout.update(
        paper_bgcolor=colour["surface"],
        plot_bgcolor=colour["surface"],
        colorway=_PALETTE,
        font={"family": FONT, "size": 13, "color": colour["ink"]},
        xaxis=axis,
        yaxis=axis,
        polar={"bgcolor": colour["surface"], "angularaxis": polar, "radialaxis": polar},
        annotationdefaults={"font_color": colour["ink"]},
        shapedefaults={"line_color": colour["ink"]},
        hoverlabel={
            "bgcolor": colour["surface"],
            "bordercolor": colour["line"],
            "font": {"family": FONT, "color": colour["ink"]},
        },
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": colour["line"], "activecolor": colour["ink"]},
    )
    # an edge keeps light points visible on white and dark ones on black
    edge = {"width": 0.5, "color": colour["ink"]}
    made.data.scatter = [{"marker": {"line": edge}}]
    for kind in ("sunburst", "icicle", "treemap"):
        made.data[kind] = [{"marker": {"line": {"width": 1, "color": colour["surface"]}}}]
    return made


def styled(figure: "Figure", height: int = 420) -> "Figure":
    """Give a figure the page's look, in place; return it. The page puts its own theme's template."""
    # the legend above the figure, and above the titles of subplots
    titled = any((note.y or 0) >= 1 for note in figure.layout.annotations)
    above = 1.02 + titled * 28 / (height - 100)
    return figure.update_layout(
        template=template("light"),
        height=height,
        margin={"l": 10, "r": 10, "t": 36 if titled else 16, "b": 10},
        legend={"orientation": "h", "x": 0, "y": above, "yanchor": "bottom"},
    )


def with_interval(value: float, low: float, high: float) -> str:
    """Return `0.945 [0.931, 0.958]`."""
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def with_sd(value: float | None, sd: float | None) -> str:
    """Return `0.54 ± 0.01`, or `too few products` where there is no figure."""
    return "too few products" if value is None else f"{value:.3f} ± {sd:.3f}"


def percent(value: float) -> str:
    """Return `96.2%`."""
    return f"{value:.1%}"


def percent_range(low: float, high: float) -> str:
    """Return `94.9% to 97.3%`."""
    return f"{percent(low)} to {percent(high)}"
