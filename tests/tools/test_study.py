"""tools/study.py: the params of a study are the repository's, with the catalogue's mapping over them."""

import pytest

from aisle.params import read_yaml
from tools import study

MAPPING = """\
catalogue:
  table: goods.csv
  images: pictures
  columns: {id: sku, title: name}
  category: {column: kind, separator: null}
weights:
  mobilenet_v2:
    source: path
    path: ../weights
    files: {own.h5: {sha256: null}}
  bert: {source: absent}
"""


@pytest.fixture
def params(tmp_path):
    """Return the params.yaml that a study of tmp_path/shop writes, and the one of the repository."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    name = study.write_params(tmp_path / "runs", tmp_path / "shop", tmp_path / "mapping.yaml")
    return read_yaml(tmp_path / "runs" / name / "params.yaml"), read_yaml(study.ROOT / "params.yaml")


def test_paths_are_moved_from_the_catalogue_to_the_workspace(params):
    found, _ = params
    assert found["catalogue"]["table"] == "../../shop/goods.csv"
    assert found["catalogue"]["images"] == "../../shop/pictures"
    assert found["weights"]["mobilenet_v2"]["path"] == "../../weights"


def test_what_is_replaced_as_a_whole_and_what_is_merged(params):
    found, base = params
    assert found["catalogue"]["columns"] == {"id": "sku", "title": "name"}
    assert list(found["weights"]["mobilenet_v2"]["files"]) == ["own.h5"]
    assert found["weights"]["mobilenet_v2"]["options"] == base["weights"]["mobilenet_v2"]["options"]
    assert found["weights"]["bert"] == base["weights"]["bert"] | {"source": "absent"}
    assert found["weights"]["minilm"] == base["weights"]["minilm"]
    assert found["encoders"] == base["encoders"]
