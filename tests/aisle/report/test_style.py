"""Colours: fixed, seen on both backgrounds, told apart; templates: one per theme."""

import pytest

from aisle.report import style
from aisle.report.colour import luminance


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("n", [1, 3, 7, 8, 9, 18])
def test_a_category_has_one_colour_that_both_backgrounds_show(n):
    names = [f"category {i:02d}" for i in range(n)]
    found = style.colours(names)
    assert found == style.colours(names[::-1]) and len(set(found.values())) == min(
        n, len(set(found.values()))
    )
    for colour in found.values():
        assert all(contrast(colour, theme["surface"]) > 1.9 for theme in style.THEMES.values())


def test_up_to_eight_categories_have_different_colours():
    assert len(set(style.colours(list("abcdefgh")).values())) == 8


@pytest.mark.parametrize("theme", style.THEMES)
def test_a_theme_is_readable_and_leaves_plotlys_own_alone(theme):
    import plotly.io

    colour = style.THEMES[theme]
    assert contrast(colour["ink"], colour["surface"]) > 7
    before = plotly.io.templates["plotly_white"].to_plotly_json()
    made = style.template(theme)
    assert made.layout.font.color == colour["ink"] and made.layout.paper_bgcolor == colour["surface"]
    assert plotly.io.templates["plotly_white"].to_plotly_json() == before


def test_a_styled_figure_names_no_colour_of_a_theme():
    import plotly.graph_objects as go

    layout = style.styled(go.Figure(go.Bar(y=[1]))).to_plotly_json()["layout"]
    del layout["template"]
    assert "color" not in str(layout)


def test_percentages():
    assert style.percent(0.9619) == "96.2%" and style.percent_range(0.9491, 0.9727) == "94.9% to 97.3%"
