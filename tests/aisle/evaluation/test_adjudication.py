"""evaluation/adjudication.py: labels that a person has read again, beside those that are given."""

import numpy as np
import pandas as pd
import pytest

from aisle.evaluation import adjudication, bootstrap
from aisle.pipeline.errors import AisleError
from tests.aisle.evaluation.examples import PARAMS

FOLDS = pd.DataFrame({"product_id": ["p0", "p1", "p2", "p3"], "category": ["ant", "bee", "ant", None]})
HEAD = "id,given,right,reason\n"


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "adjudicated.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_one_right_category_or_several(written):
    found = adjudication.read(written(f'{HEAD}p0,ant,bee,"a bee, by title"\np2,ant,ant | bee,both\n'), FOLDS)
    assert found == {"p0": {"bee"}, "p2": {"ant", "bee"}}
    assert adjudication.read(written(HEAD), FOLDS) == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("id,given,right\np0,ant,bee\n", "must have the columns id, given, right, reason; it has id, given"),
        (f"{HEAD}p0,ant,bee,x\np0,ant,ant,x\n", "line 3, must name a product once; 'p0'"),
        (
            f"{HEAD}p9,ant,bee,x\n",
            "line 2, must name a product of the catalogue that has a category, not 'p9'",
        ),
        (f"{HEAD}p3,,bee,x\n", "that has a category, not 'p3'"),
        (f"{HEAD}p0,bee,ant,x\n", "give p0's label, 'ant', not 'bee'"),
        (f"{HEAD}p0,ant,ant | cow,x\n", "right ones of ant, bee; see 'ant | cow'"),
        (f"{HEAD}p0,ant,,x\n", "right ones of ant, bee; see ''"),
        (f"{HEAD}p0,ant,bee,\n", "say in words why, of p0"),
    ],
)
def test_what_is_wrong_with_the_table_is_told(written, text, told):
    with pytest.raises(AisleError) as error:
        adjudication.read(written(text), FOLDS)
    assert told in str(error.value)


def test_a_contested_product_counts_by_what_is_right():
    """p0: the label was wrong, p2: both would do, p1: as given; two repeats."""
    said = ["bee", "ant", "bee", "ant", "bee", "ant"]
    rows = pd.DataFrame({"product_id": ["p0", "p1", "p2"] * 2, "category": ["ant", "bee", "ant"] * 2})
    rows["p_ant"] = np.where(np.array(said) == "ant", 0.9, 0.1)
    rows["p_bee"] = 1 - rows["p_ant"]
    right = {"p0": frozenset({"bee"}), "p2": frozenset({"ant", "bee"})}
    group = np.array([0, 1, 2] * 2)
    found = adjudication.scores(rows, right, group, PARAMS)
    accepted = np.array([True, False, True, False, True, True])
    assert found["adjudicated_accuracy"] == pytest.approx(accepted.mean())
    drawn = bootstrap.resampled_sums(np.column_stack([accepted, np.ones(6)]).astype(float), group, PARAMS)
    low, high = bootstrap.interval(drawn[:, 0] / drawn[:, 1], PARAMS.confidence)
    assert (found["adjudicated_accuracy_low"], found["adjudicated_accuracy_high"]) == pytest.approx(
        (low, high)
    )
    assert adjudication.scores(rows, {}, group, PARAMS) == {}
