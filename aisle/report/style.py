"""One visual language for all figures: fonts, colours, margins; and how figures are written as text."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

# Okabe and Ito's colours can be told apart by the colour-blind; Plotly's Alphabet serves beyond eight.
_OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#000000", "#F0E442")


def colours(categories: list[str]) -> dict[str, str]:
    """Return a colour for each category, the same in every figure."""
    from plotly.colors import qualitative

    palette = _OKABE_ITO if len(categories) <= len(_OKABE_ITO) else qualitative.Alphabet
    return {category: palette[i % len(palette)] for i, category in enumerate(sorted(categories))}


def styled(figure: "Figure", height: int = 420) -> "Figure":
    """Give a figure the page's look, in place; return it."""
    return figure.update_layout(
        template="plotly_white",
        height=height,
        margin={"l": 10, "r": 10, "t": 40, "b": 10},
        font={"family": "system-ui, sans-serif", "size": 13},
        legend={"orientation": "h", "y": -0.15},
    )


def with_interval(value: float, low: float, high: float) -> str:
    """Return `0.945 [0.931, 0.958]`."""
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def with_sd(value: float | None, sd: float | None) -> str:
    """Return `0.54 ± 0.01`, or `too few products` where there is no figure."""
    return "too few products" if value is None else f"{value:.3f} ± {sd:.3f}"
