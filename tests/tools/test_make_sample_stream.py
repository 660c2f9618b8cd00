"""The sample stream: its script reproduces the committed bytes; planted.json tells what is where."""

import csv
import json
from pathlib import Path

import pytest

from tools import make_sample_stream

STREAM = Path(__file__).parents[2] / "data" / "sample_stream"


@pytest.fixture(scope="module")
def made():
    return make_sample_stream.read_vocabulary()


def rows(name):
    with (STREAM / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_week_is_the_committed_bytes(made):
    """The week with blurred pictures and missing descriptions; a week is drawn without the others."""
    vocabulary, stream = made
    number = [week.get("change") for week in stream["weeks"]].index("blurred_and_bare")
    committed = [row for row in rows("products") if row["id"].startswith(f"aisle-stream-{number + 1}")]
    week = make_sample_stream.make_week(vocabulary, stream, number)
    assert [(each.title, each.description) for each in week] == [
        (row["title"], row["description"]) for row in committed
    ]
    for product, row in zip(week, committed, strict=True):
        assert (STREAM / "images" / row["image"]).read_bytes() == product.jpeg


def test_traffic_is_the_committed_one_and_lost_units_are_missing(made):
    _, stream = made
    first = make_sample_stream.date.fromisoformat(str(stream["first_day"]))
    found = make_sample_stream.make_traffic(stream, first, 7 * len(stream["weeks"]))
    assert [{key: str(value) for key, value in row.items()} for row in found] == rows("traffic")
    arms = [row["arm"] for row in found if row["experiment"] == "large_pictures"]
    assert arms.count("large") < 0.85 * arms.count("small")


def test_planted_weeks_are_as_told():
    told = json.loads((STREAM / "planted.json").read_text())["weeks"]
    label = {row["product_id"]: row["category"] for row in rows("reviews")}
    weeks = dict.fromkeys(told, ())
    for row in rows("products"):
        monday = max(week for week in told if week <= row["date"])
        weeks[monday] += (row,)
    named = {change: weeks[week] for week, change in told.items()}
    assert sum(label[row["id"]] == "Pets" for row in named["new_kind"]) == 17
    assert not any(label[row["id"]] == "Garden" for row in named["shares"])
    assert sum(not row["description"] for row in named["blurred_and_bare"]) == 17
    assert all("Nordwind" in row["title"] for row in named["template"])
    assert not any(label[row["id"]] == "Pets" for row in named["nothing"])
