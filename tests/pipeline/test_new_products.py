"""Ten new products cost ten encodings, on the stages as they stand, and give the bytes of a cold run."""

import pytest
from ruamel.yaml import YAML

from aisle.params import read_yaml
from tools import bench_encoders as bench

pytestmark = pytest.mark.pipeline


def test_ten_new_products(cold, tmp_path):
    """Real MiniLM, a random backbone; `adding` fails if a byte differs from a run from cold."""
    params = read_yaml(cold.path / "params.yaml")
    images = params["encoders"]["image"]
    params["encoders"]["image"] = {name: images[name] for name in ("descriptors", "mobilenet_v2")}
    params["weights"]["mobilenet_v2"]["source"] = "random"
    YAML().dump(params, tmp_path / "params.yaml")
    for name in ("none", "minilm"):
        (tmp_path / name).symlink_to(cold.path / "models/pretrained" / name)
    flags = {"weights": "mobilenet_v2", "output": tmp_path / "mobilenet_v2"}
    bench.stage("fetch_weights", tmp_path, flags)
    found = bench.adding(params, tmp_path, cold.path, check=True)
    assert (found["products"], found["new"]) == (210, 10)
    assert set(found["seconds"]) == {"bow", "tfidf", "word2vec", "minilm", "descriptors", "mobilenet_v2"}
    assert 0 < found["share_of_cold"] < 1
