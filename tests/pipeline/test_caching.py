"""The pipeline reruns what has changed, and only that."""

import pytest

from tests.pipeline.conftest import ran

pytestmark = pytest.mark.pipeline


def test_second_run_does_nothing_and_says_so(warm):
    before = warm.lock()
    said = warm.run("python", "tools/repro.py").stdout
    lines = [line for line in said.splitlines() if line]
    assert lines[0] == f"nothing has changed: none of the {len(warm.stages())} stages will run"
    assert ran(said) == [] and "Data and pipelines are up to date." in lines
    assert lines[-1].startswith("reports/index.html: ")
    assert warm.run("dvc", "status").stdout.strip() == "Data and pipelines are up to date."
    assert warm.lock() == before
    assert warm.run("git", "status", "--porcelain").stdout == ""


def test_encoder_leaves_its_siblings_cached(warm):
    warm.edit("aisle/representations/encoders/text/word2vec.py", '"""Word2Vec', '"""Our Word2Vec')
    assert warm.repro("embed_text") == ["digest_code", "embed_text@word2vec"]
