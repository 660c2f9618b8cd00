"""evaluation/paired.py: who is right on each product, by a digest that names none."""

from hashlib import sha256

import pandas as pd
import pytest

from aisle.evaluation import paired
from aisle.pipeline import tables
from aisle.pipeline.errors import AisleError

IDS = [f"product {i}" for i in range(6)]
GROUP = pd.Series([0, 0, 1, 2, 3, 3], IDS)
ROLES = {"champion": "both", "baseline": "words", "best": "both"}


def outcomes(**by_model):
    """Return the table of reports/evaluation/products.parquet, as the stage reads it."""
    parts = [
        pd.DataFrame({"model": model, "product_id": IDS[: len(texts)], "outcomes": texts})
        for model, texts in by_model.items()
    ]
    return pd.concat(parts, ignore_index=True).astype("category")


BOTH, WORDS = ["111", "011", "000", "111", "101", "110"], ["1", "0", "0", "1", "1", "1"]


def test_a_row_per_product_and_a_column_per_role():
    found = paired.paired_table(outcomes(both=BOTH, words=WORDS, other=WORDS), GROUP.sample(frac=1), ROLES)
    assert list(found) == ["digest", "group", "champion", "baseline", "best"]
    assert found["digest"].is_monotonic_increasing and found["digest"].str.fullmatch("[0-9a-f]{8}").all()
    by_digest = found.set_index("digest")
    for i, name in enumerate(IDS):
        row = by_digest.loc[sha256(name.encode()).hexdigest()[:8]]
        assert row.tolist() == [GROUP[name], BOTH[i], WORDS[i], BOTH[i]]


def test_the_file_is_read_as_it_was_written(tmp_path):
    """Outcomes and digests look like figures: 011 is no 11, and 12345678 no number."""
    table = paired.paired_table(outcomes(both=BOTH, words=WORDS), GROUP, ROLES)
    table.loc[0, "digest"] = "1234e567"
    tables.write_csv(table, tmp_path / "paired.csv", "tiny")
    pd.testing.assert_frame_equal(tables.read_csv(tmp_path / "paired.csv"), table, check_dtype=False)


def test_products_of_one_digest_are_left_out(monkeypatch):
    monkeypatch.setattr(paired, "digest", lambda name: {"product 1": "aa", "product 4": "aa"}.get(name, name))
    found = paired.paired_table(outcomes(both=BOTH, words=WORDS), GROUP, ROLES)
    assert list(found["digest"]) == [name for name in IDS if name not in ("product 1", "product 4")]


def test_products_that_differ_are_named():
    with pytest.raises(AisleError, match=r"lacks product 5"):
        paired.paired_table(outcomes(both=BOTH, words=WORDS), GROUP.drop("product 5"), ROLES)
    with pytest.raises(AisleError, match=r"baseline.*lacks product 5"):
        paired.paired_table(outcomes(both=BOTH, words=WORDS[:5]), GROUP, ROLES)


def test_a_model_that_is_not_cross_validated_is_a_clear_error():
    with pytest.raises(AisleError, match="the baseline must have cross-validated predictions; slow has none"):
        paired.paired_table(outcomes(both=BOTH, words=WORDS), GROUP, ROLES | {"baseline": "slow"})
