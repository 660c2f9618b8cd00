"""Ten new products cost ten encodings, on the stages as they stand, and give the bytes of a cold run."""

import sqlite3
from contextlib import closing

import pytest
from ruamel.yaml import YAML

from aisle.pipeline import item_cache
from aisle.pipeline.params import read_yaml
from tools import bench_encoders as bench

pytestmark = pytest.mark.pipeline
FOLDERS = {"tfidf": "text", "word2vec": "text", "minilm": "text"}
FOLDERS |= {"descriptors": "image", "efficientnet_lite0": "image"}
STATELESS = ("minilm", "descriptors", "efficientnet_lite0")


def test_ten_new_products(cold, tmp_path):
    """Real MiniLM, real EfficientNet-Lite0. How long it takes is measured by tools/bench_encoders.py."""
    params = read_yaml(cold.path / "params.yaml")
    del params["encoders"]["image"]["clip"]  # it has no weights
    YAML().dump(params, tmp_path / "params.yaml")
    for name in ("none", "minilm", "efficientnet_lite0"):
        (tmp_path / name).symlink_to(cold.path / "models/pretrained" / name)
    found = bench.adding(params, tmp_path, cold.path)
    assert (found["products"], found["new"]) == (210, 10)
    assert {*found["seconds"]} == {*FOLDERS}
    for name, folder in FOLDERS.items():
        made = (tmp_path / f"{name}.parquet").read_bytes()
        assert made == (cold.path / f"features/{folder}/{name}.parquet").read_bytes(), name
    for name in STATELESS:
        with closing(sqlite3.connect(tmp_path / "items" / name / item_cache.FILE)) as store:
            kept, written = store.execute("SELECT COUNT(*), MAX(id) FROM item").fetchone()
        assert written == kept > 200, f"{name}: an item that is there must not be encoded again"
