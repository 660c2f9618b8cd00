"""pipeline/tables.py: joins by product_id, the same bytes for the same content, the catalogue's label."""

import json
import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aisle.pipeline import tables
from aisle.pipeline.errors import AisleError

IDS = [f"p{i}" for i in range(10)]


@pytest.fixture
def table():
    return pd.DataFrame({"product_id": IDS, "value": range(10), "name": [None, *"abcdefghi"]})


def test_align_puts_a_shuffled_table_in_order(table):
    shuffled = table.sample(frac=1, random_state=1)
    assert list(shuffled["product_id"]) != IDS
    pd.testing.assert_frame_equal(tables.align(shuffled, IDS, "it", "products"), table)


def test_align_follows_the_ids_not_the_table(table):
    assert list(tables.align(table, IDS[::-1], "it", "products")["value"]) == list(range(9, -1, -1))


@pytest.mark.parametrize(
    ("rows", "ids", "told"),
    [
        (slice(0, 9), IDS, ["it must have the same products as products", "lacks p9"]),
        (slice(0, 10), IDS[1:], ["it must have the same products as products", "alone has p0"]),
        (slice(1, 10), IDS[:-1], ["lacks p0", "alone has p9"]),
        ([*range(10), 4], IDS, ["several for p4"]),
        ([*range(9), 0], IDS, ["several for p0"]),
        ([], IDS, ["lacks p0, p1, p2, p3, p4 and 5 more"]),
    ],
)
def test_align_names_the_ids_that_differ(table, rows, ids, told):
    with pytest.raises(AisleError) as error:
        tables.align(table.iloc[rows], ids, "it", "products")
    assert all(part in str(error.value) for part in told), str(error.value)


def test_the_same_content_is_the_same_bytes(table, tmp_path):
    tables.write(table, tmp_path / "a" / "one.parquet", "sample (synthetic)")
    other = table.iloc[::-1].copy().iloc[::-1]
    other.index = pd.Index(range(100, 110), name="line")
    other.attrs["something"] = "else"
    tables.write(other, tmp_path / "two.parquet", "sample (synthetic)")
    assert (tmp_path / "a" / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_a_table_and_the_catalogues_label_survive(table, tmp_path):
    tables.write(table, tmp_path / "one.parquet", "Ünder >> 1")
    for columns in (None, ["product_id"]):
        read = tables.read(tmp_path / "one.parquet", columns)
        assert read.attrs["catalogue"] == "Ünder >> 1"
        pd.testing.assert_frame_equal(read, table[columns] if columns else table, check_like=True)


def test_metadata_alone_carries_the_label(tmp_path):
    arrow = pa.Table.from_pydict({"product_id": IDS})
    pq.write_table(arrow.replace_schema_metadata(tables.metadata("tiny")), tmp_path / "one.parquet")
    assert tables.read(tmp_path / "one.parquet").attrs["catalogue"] == "tiny"


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(AisleError, match=r"none\.parquet must be there.*dvc repro"):
        tables.read(tmp_path / "none.parquet")


def test_csv_is_the_same_on_every_system(tmp_path):
    tables.write_csv(
        pd.DataFrame({"a": [1 / 3, 2.0], "word": ["x, y", None]}), tmp_path / "new" / "t.csv", "tiny"
    )
    assert (
        tmp_path / "new" / "t.csv"
    ).read_bytes() == b'a,word,catalogue\n0.3333333333,"x, y",tiny\n2,,tiny\n'


def test_a_column_of_text_that_is_not_listed_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"TEXT_COLUMNS of .*; shelf are not"):
        tables.write_csv(pd.DataFrame({"title": ["007"], "shelf": ["12"]}), tmp_path / "t.csv", "tiny")
    tables.write_csv(pd.DataFrame({"title": ["007", ""], "n": [1, 2]}), tmp_path / "t.csv", "tiny")
    assert tables.read_csv(tmp_path / "t.csv").to_dict("list") == {"title": ["007", ""], "n": [1, 2]}


def test_metrics_are_strict_json_with_the_label_first(tmp_path):
    values = {
        "n": np.int64(3),
        "share": np.float64(1 / 3),
        "none": math.nan,
        "inner": {"p": np.float32(0.5)},
        "é": None,
    }
    tables.write_metrics(values, tmp_path / "m.json", "tiny")
    text = (tmp_path / "m.json").read_text(encoding="utf-8")
    read = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert read == {
        "catalogue": "tiny", "n": 3, "share": 0.3333, "none": None, "inner": {"p": 0.5}, "é": None
    }  # fmt: skip
    assert next(iter(read)) == "catalogue" and text.endswith("}\n")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("cv_accuracy", 0.957142857, 0.9571),
        ("champion_megabytes", 91.4665876, 91.4666),
        ("ari", 0.677259, 0.68),
        ("ari_best_k_sd", 0.045686, 0.05),
        ("silhouette_categories", 0.077706, 0.08),
        ("variance", 0.92468, 0.9247),  # not a word that is `ari`
        ("holdout_mcnemar_p", 0.0001234567, 0.0001235),
        ("cv_gain_p_holm", 3.2109876e-21, 3.211e-21),
        ("optimism_text_baseline_p", 0.9999999, 1.0),
        ("top3", 0.99999, 1.0),
    ],
)
def test_figures_have_the_digits_that_another_processor_reproduces(name, value, expected):
    assert tables.rounded(name, value) == expected


def test_the_figures_of_a_committed_table_are_rounded_by_their_columns():
    figures = {"ari": [0.123, 1 / 3], "error": [2 / 3, math.nan]}
    table = pd.DataFrame({"model": ["a", "b"], "n": [1, 2], **figures})
    found = tables.rounded_table(table)
    assert found["ari"].tolist() == [0.12, 0.33] and found["error"].tolist()[0] == 0.6667
    assert found["error"].isna().tolist() == [False, True]
    pd.testing.assert_frame_equal(found[["model", "n"]], table[["model", "n"]])


def test_the_last_bits_move_no_metric(tmp_path):
    """What is a hair below 0 on one processor is one above on another."""
    for name, hair in (("a", 1e-12), ("b", -1e-12)):
        tables.write_metrics({"gain": hair, "inner": {"ari": 0.6 + hair}}, tmp_path / name, "tiny")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_missing_figure_leaves_its_column_figures_and_a_missing_text_is_no_text(tmp_path):
    table = pd.DataFrame({"bound": [0.5, None], "n": [1, 2], "word": ["x", None], "title": [None, "007"]})
    tables.write_csv(table, tmp_path / "t.csv", "tiny")
    found = tables.read_csv(tmp_path / "t.csv")
    assert found["bound"].dtype == float and found["bound"].isna().tolist() == [False, True]
    assert found[["word", "title"]].to_numpy().tolist() == [["x", ""], ["", "007"]]
    assert found["n"].dtype == int


def test_csv_comes_back_as_it_was_written(tmp_path):
    """Categories that look like figures or like nothing stay text; the label is not a column of the table."""
    table = pd.DataFrame({"category": ["001", "2", "None", "true", ""], "f1": [0.5, 1, 0, 0.25, 1]})
    tables.write_csv(table, tmp_path / "t.csv", "tiny")
    pd.testing.assert_frame_equal(tables.read_csv(tmp_path / "t.csv"), table)


def test_what_is_left_over_is_named(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text("{}")
    assert tables.exactly(tmp_path, ["b", "a"], ".json") == {n: tmp_path / f"{n}.json" for n in ("b", "a")}
    with pytest.raises(AisleError, match=r"delete .*b\.json"):
        tables.exactly(tmp_path, ["a"], ".json")
