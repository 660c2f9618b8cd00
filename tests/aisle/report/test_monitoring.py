"""The report's section on new products."""

import pandas as pd

from aisle.report.blocks import FigureBlock
from aisle.report.sections import monitoring

WEEKS = ["2026-03-02", "2026-03-09", "2026-03-16"]


def frames(judged: list[str], alarm: str) -> dict[str, pd.DataFrame]:
    """Return the tables of a stream of three weeks, of which some are judged and one alarms."""
    detectors = [
        (week, name, week == alarm and name == "text") for week in judged for name in ("image", "text")
    ]
    accuracy = {
        f"{kind}_accuracy{end}": 0.9 for kind in ("expected", "reviewed") for end in ("", "_low", "_high")
    }
    rows = [(week, name, 0.3, 0.3) for week in WEEKS for name in ("a", "b")]
    return {
        "batches": pd.DataFrame({"batch": WEEKS, "products": 42, "reviewed": 40} | accuracy),
        "detectors": pd.DataFrame(detectors, columns=["batch", "detector", "alarm"]).assign(p_holm=0.5),
        "shares": pd.DataFrame(rows, columns=["batch", "category", "share", "share_em"]).assign(
            share_predicted=0.3, share_bbse=0.3
        )[["batch", "category", "share", "share_predicted", "share_em", "share_bbse"]],
    }


def drift(found) -> FigureBlock:
    """Return the figure of the detectors."""
    block = monitoring._drift(None, found)[0]
    assert isinstance(block, FigureBlock)
    return block


def test_a_week_that_could_not_be_judged_is_shown_and_counted():
    block = drift(frames(WEEKS[1:], WEEKS[2]))
    assert block.caption.startswith(
        f"1 of 3 weeks raise an alarm (!), last text in {WEEKS[2]}; 1 have too few"
    )
    (heat,) = block.figure.data
    assert [*heat.x] == WEEKS
    assert heat.z.tolist() == [[0, 0, 0], [0, 0, 1]]


def test_a_stream_of_which_no_week_could_be_judged():
    block = drift(frames([], ""))
    assert block.caption.startswith("0 of 3 weeks raise an alarm (!); 3 have too few")


def test_all_judged_and_none_silent():
    assert "too few" not in drift(frames(WEEKS, "")).caption
