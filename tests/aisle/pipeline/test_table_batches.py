"""pipeline/table_batches.py: what is read a part at a time is what `tables.read` reads."""

import numpy as np
import pandas as pd
import pytest

from aisle.pipeline import table_batches, tables
from aisle.pipeline.errors import AisleError


@pytest.fixture
def wide(tmp_path):
    """Return a file of figures in double precision between columns of other types, one of them with holes."""
    rng = np.random.default_rng(0)
    figures = {f"p_{i}": rng.random(50) for i in range(7)}
    table = pd.DataFrame(
        {
            "product_id": [f"p{i}" for i in range(50)],
            "fold": np.arange(50) % 3,
            **figures,
            "right": rng.random(50) < 0.5,
            "weight": np.where(np.arange(50) % 4, rng.random(50), np.nan),
        }
    )
    tables.write(table, tmp_path / "wide.parquet", "tiny", title="T")
    return tmp_path / "wide.parquet"


@pytest.mark.parametrize("cells", [1, 120, 1 << 19])
def test_a_wide_table_is_what_tables_reads(wide, cells, monkeypatch):
    monkeypatch.setattr(table_batches, "CELLS", cells)  # one column at a time, two, all
    whole, found = tables.read(wide), table_batches.read_wide(wide)
    pd.testing.assert_frame_equal(found, whole, check_exact=True)
    assert found.attrs == whole.attrs == {"catalogue": "tiny", "title": "T"}
    some = table_batches.read_wide(wide, {"fold": 1, "product_id": "p4"})
    expected = whole[(whole["fold"] == 1) & (whole["product_id"] == "p4")].reset_index(drop=True)
    pd.testing.assert_frame_equal(some, expected, check_exact=True)
    assert len(table_batches.read_wide(wide, {"fold": 7})) == 0


def test_a_damaged_wide_table_is_told(wide):
    wide.write_bytes(wide.read_bytes()[:-200])
    with pytest.raises(AisleError, match="cut, damaged or another file"):
        table_batches.read_wide(wide)
