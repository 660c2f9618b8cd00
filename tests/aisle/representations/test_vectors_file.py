"""representations/vectors_file.py: feature files."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from aisle.pipeline.errors import AisleError
from aisle.representations import vectors_file


@pytest.fixture
def data():
    vectors = np.arange(12, dtype=np.float32).reshape(4, 3)
    vectors[2] = np.nan
    return vectors_file.Features(
        list("dbca"), vectors, {"encoder": "bow", "weights": "none", "catalogue": "tiny"}
    )


def test_a_feature_file_survives(data, tmp_path):
    vectors_file.write(data, tmp_path / "new" / "f.parquet")
    read = vectors_file.read(tmp_path / "new" / "f.parquet")
    assert read.product_ids == list("dbca")
    assert read.vectors.dtype == np.float32
    np.testing.assert_array_equal(read.vectors, data.vectors)
    assert {**data.metadata, "dimension": "3"}.items() <= read.metadata.items()
    assert list(read.available) == [True, True, False, True]


def test_a_file_is_fixed_size_float32(data, tmp_path):
    vectors_file.write(data, tmp_path / "f.parquet")
    schema = pq.read_schema(tmp_path / "f.parquet")
    assert (
        str(schema.field("vector").type).startswith("fixed_size_list")
        and schema.field("vector").type.list_size == 3
    )
    assert schema.names == ["product_id", "vector"]


def test_the_same_content_is_the_same_bytes(data, tmp_path):
    for name in "ab":
        vectors_file.write(data, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_file_of_several_row_groups_is_read_whole(data, tmp_path):
    many = vectors_file.Features(
        [str(i) for i in range(7)], np.random.default_rng(0).random((7, 3), np.float32), data.metadata
    )
    vectors_file.write(many, tmp_path / "f.parquet")
    pq.write_table(pq.read_table(tmp_path / "f.parquet"), tmp_path / "g.parquet", row_group_size=2)
    np.testing.assert_array_equal(vectors_file.read(tmp_path / "g.parquet").vectors, many.vectors)


def test_as_many_ids_as_vectors(data, tmp_path):
    with pytest.raises(AisleError, match="3 products but 4 vectors"):
        vectors_file.write(
            vectors_file.Features(list("abc"), data.vectors, data.metadata), tmp_path / "f.parquet"
        )


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(AisleError, match=r"none\.parquet must be there"):
        vectors_file.read(tmp_path / "none.parquet")
