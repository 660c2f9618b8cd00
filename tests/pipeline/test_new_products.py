"""Ten new products cost ten encodings, on the stages as dvc.yaml has them."""

import pytest

from tools import bench_encoders as bench

pytestmark = pytest.mark.pipeline


def test_ten_new_products_on_the_stages_as_they_stand(cold):
    """`adding` fails if the bytes with a cache are not those of a cold run."""
    found = bench.adding(cold.path)
    assert found["products"] == 210 and found["new"] == 10
    assert set(found["seconds"]) == {
        "bow",
        "tfidf",
        "word2vec",
        "minilm",
        "descriptors",
    }  # the others have no weights
    assert found["seconds"]["minilm"]["new"] < found["seconds"]["minilm"]["cold"]
    assert cold.run("git", "status", "--porcelain").stdout == ""
