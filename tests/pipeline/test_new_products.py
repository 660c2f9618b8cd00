"""Ten new products cost ten encodings, on the stages as they stand, and give the bytes of a cold run."""

import pytest
from ruamel.yaml import YAML

from aisle.params import read_yaml
from tools import bench_encoders as bench

pytestmark = pytest.mark.pipeline


def test_ten_new_products(cold, tmp_path):
    """Real MiniLM and what needs no weights; `adding` fails if a byte differs from a run from cold."""
    params = read_yaml(cold.path / "params.yaml")
    params["encoders"]["image"] = {"descriptors": params["encoders"]["image"]["descriptors"]}
    YAML().dump(params, tmp_path / "params.yaml")
    for name in ("none", "minilm"):
        (tmp_path / name).symlink_to(cold.path / "models/pretrained" / name)
    found = bench.adding(params, tmp_path, cold.path, check=True)
    assert (found["products"], found["new"]) == (210, 10)
    assert set(found["seconds"]) == {"bow", "tfidf", "word2vec", "minilm", "descriptors"}
    assert 0 < found["share_of_cold"] < 1
