"""pipeline/escaping.py: at the edges, text of catalogues stays text."""

import csv
import io
import re

import pandas as pd
import pytest
from markdown_it import MarkdownIt

from aisle.pipeline import escaping, tables
from aisle.predict import write_predictions
from aisle.report import page
from aisle.report.blocks import Card, Cards, Details, Paragraph, Section, TableBlock, Verdict

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "![x](https://example.com/track.png)",
    "\\![x](https://example.com/track.png)",
    "[click](javascript:alert(1))",
    "\\[click](http://example.com)",
    "[click][ref] [ref]: http://example.com",
    "<https://example.com>",
    "see https://example.com/x or WWW.example.com",
    "a\n\n# heading\n\n<b>x</b>",
    "a | b \\| c",
    "&lt;b&gt; &#60;b&#62;",
    "`<b>` ``<i>`",
]
FORMULAS = [
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://x")',
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "'=1",
    "''=1",
]
FORMULAS += ["\r\n=1", "\n@x", "\uff1d1+1", "\uff0b1", "\uff0d2+3", "\uff20SUM(A1)"]
FORMULAS += ["foo;=cmd", "a\t=1", "a\n=1", "a\r=1", "a;'=1", "=1;=2", "a;\t;+1", "\t\t@x", "';=1"]


def rendered(text):
    return MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_has_no_html_picture_or_link(text):
    told = rendered(f"**{escaping.markdown(text)}**\n\n| a |\n|---|\n| {escaping.markdown(text)} |\n")
    for mark in ("<img", "<script", "<a ", "href", "<b>", "<i>", "<h1"):
        assert mark not in told, told
    assert told.count("<td>") == 1  # no pipe ends the cell


def test_hostile_text_does_get_through_unescaped():
    """What the test above looks for is to be seen where nothing is escaped."""
    told = "".join(rendered(text) for text in HOSTILE)
    assert all(mark in told for mark in ("<img src=x", "<script", "<a ", "track.png", "<h1>"))


def test_plain_text_is_left_as_it_is():
    for text in (
        "Wall clock, 12 cm",
        "0.85 [0.80, 0.90]",
        "A & B",
        "p < 0.01"[:1],
        "R$ 5 - 10 %",
        "50% off!",
    ):
        assert escaping.markdown(text) == text


@pytest.mark.parametrize("text", HOSTILE)
def test_no_block_of_the_report_lets_it_through(text):
    frame = pd.DataFrame({text: [text], "n": [1]})
    blocks = [
        Paragraph(text), Verdict(text, text, "good"), TableBlock(text, frame),
        Cards(text, [Card(text, text, text, text)]), Details(text, [TableBlock(text, frame)]),
    ]  # fmt: skip
    told = rendered(page.markdown([Section("s", text, blocks)], f"shop {text}"))
    for mark in ("<img", "<script", "<a ", "href", "<b>", "<i>"):
        assert mark not in told, told
    assert told.count("<h1") == 1


@pytest.mark.parametrize("text", FORMULAS)
def test_no_csv_has_a_formula_and_it_is_read_as_it_was(tmp_path, text):
    table = pd.DataFrame({"title": [text, "plain"], "value": [-1.5, 2.0], "word": ["x", None]})
    for name, write in {
        "table": lambda path: tables.write_csv(table, path, "tiny"),
        "predictions": lambda path: write_predictions(table, str(path)),
    }.items():
        write(tmp_path / name)
        with (tmp_path / name).open(newline="") as file:
            rows = list(csv.reader(file))
        told = text.replace("\r\n", "\n").replace("\r", "\n")
        parts = re.split("[;\t\n]", rows[1][0])  # cells, to a spreadsheet of another country
        assert not [part for part in parts if part[:1] and part[0] in "=+-@\uff1d\uff0b\uff0d\uff20"]
        assert rows[1][0].replace("'", "") == told.replace("'", "") and rows[1][0] != told
        assert rows[1][1] == "-1.5" and rows[2][0] == "plain"
    read = tables.read_csv(tmp_path / "table")
    assert list(read["title"]) == [told, "plain"] and list(read["value"]) == [-1.5, 2.0]


def test_numbers_stay_numbers():
    for value in ("-5", "+1.5", "-1,200.50", "-3 %", "-1e-4", -5, 0.1, None, "", "a=b", "'a", "a; -5", "a;b"):
        assert escaping.formula(value) is value and escaping.unformula(value) is value


def test_names_of_columns_too(tmp_path):
    write_predictions(pd.DataFrame({"=1+1": ["a"]}), str(tmp_path / "out"))
    assert (tmp_path / "out").read_text() == "'=1+1\na\n"


def test_a_dollar_in_a_category_breaks_no_figure():
    from aisle.deployment.mlflow_store import figure

    names = ["$50 & $x^{", "under $5"]
    pairs = [(a, p) for a in names for p in names]
    confusion = pd.DataFrame(pairs, columns=["actual", "predicted"]).assign(products=[3, 1, 0, 4])
    reliability = pd.DataFrame({"probabilities": ["raw"], "confidence": [0.5], "accuracy": [0.5]})
    risk = pd.DataFrame({"coverage": [0.5, 1], "error": [0, 0.1]})
    drawn = figure(
        {"confusion": confusion, "reliability": reliability, "risk_coverage": risk}, "shop $x^{, $"
    )
    drawn.savefig(io.BytesIO(), format="png")
    assert [label.get_text() for label in drawn.axes[0].get_xticklabels()] == sorted(names)
