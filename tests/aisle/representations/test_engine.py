"""encoders/engine.py: by Ray the bytes that the stage makes here; it is imported where asked for alone."""

import os
import subprocess
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from aisle.pipeline import ray_session, tables
from aisle.pipeline.errors import AisleError
from aisle.pretrained import description, status
from aisle.representations import picture_vectors, recipes, text_vectors, vectors_file
from aisle.representations.encoders import engine, registry
from tests.aisle.representations.test_picture_vectors import PARAMS, file_of, picture

needs_ray = pytest.mark.skipif(
    find_spec("ray") is None or not os.environ.get("AISLE_TEST_RAY"),
    reason="Ray must be installed (group `ray`) and wanted (AISLE_TEST_RAY=1)",
)
BY_RAY = PARAMS.model_copy(update={"engine": "ray"})


class Lengths:
    """An encoder of texts that learns nothing: how long each is, and its first letter."""

    stateless = True

    def get_params(self, deep):
        return {}

    def get_feature_names_out(self):
        return np.array(["a", "b"])

    def transform(self, texts):
        return np.array([[len(text), ord(text[0])] for text in texts], np.float32)


class DiedError(Exception):
    """A process of Ray's that is no more."""


class Here:
    """What `mapped` asks of Ray, in this process: a call is made when its result is asked for."""

    exceptions = SimpleNamespace(RayTaskError=type("RayTaskError", (Exception,), {}), RayError=DiedError)

    def __init__(self):
        self.under_way = self.most = 0

    def remote(self, **options):
        assert options == {"num_cpus": 1, "max_retries": 0}
        return lambda work: SimpleNamespace(remote=lambda *item: self._begun(work, item))

    def _begun(self, work, item):
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        return lambda: work(*item)

    def get(self, call):
        self.under_way -= 1
        return call()

    def cluster_resources(self):
        return {"CPU": 3.0}


@pytest.fixture
def weightless(tmp_path):
    """Return the folder of an encoder that has no weights."""
    (tmp_path / "none").mkdir()
    description.write(description.Weights(status.NONE, status.NONE), tmp_path / "none")
    return tmp_path / "none"


@pytest.fixture
def pictures(tmp_path):
    """Return data/images.parquet of products with one picture, several, none, and the same."""
    made = [picture(i) for i in range(5)]
    return file_of(tmp_path, [[made[0]], made[1:3], [], [made[0]], [None, made[3]], [made[4]], []])


def written(pictures, params, folder, output):
    picture_vectors.write(pictures, "colours", params, folder, output)
    return output.read_bytes()


def test_results_come_in_order_and_few_are_under_way():
    ray = Here()
    assert [*ray_session.mapped(ray, pow, ((n, 2) for n in range(9)), 3)] == [n * n for n in range(9)]
    assert ray.most == 3


@pytest.mark.parametrize("times", [1, 2])
def test_a_process_that_dies_costs_its_batch_once(times):
    deaths = []

    def dying(n):
        if n == 1 and len(deaths) < times:
            deaths.append(n)
            raise DiedError
        return n

    found = ray_session.mapped(Here(), dying, [(n,) for n in range(3)], 2)
    if times < ray_session.TRIES:
        assert [*found] == [0, 1, 2]
        return
    with pytest.raises(AisleError, match="a process of Ray's died 2 times, at last by DiedError"):
        list(found)


@pytest.mark.parametrize("batch", [1, 2, 64])
def test_pictures_by_ray_are_the_bytes_of_here(pictures, weightless, tmp_path, monkeypatch, batch):
    monkeypatch.setenv("AISLE_CACHE", "off")
    monkeypatch.setattr(picture_vectors, "BATCH", batch)
    here = written(pictures, PARAMS, weightless, tmp_path / "here.parquet")

    @contextmanager
    def running(workers, asked):
        assert asked == "engine: ray"
        yield Here()

    monkeypatch.setattr(engine.ray_session, "running", running)
    monkeypatch.setattr(engine.ray_session, "keep_to_own_processors", lambda: None)
    engine.opened.cache_clear()
    assert written(pictures, BY_RAY, weightless, tmp_path / "ray.parquet") == here
    recipe = recipes.loads(vectors_file.read(tmp_path / "ray.parquet").metadata["recipe"])
    assert "engine" not in recipe.model_dump()


def test_other_weights_on_a_node_are_told(weightless):
    engine.opened.cache_clear()
    with pytest.raises(AisleError, match=r"weights must be the same on every node; .* has none, not other"):
        engine.opened("image", PARAMS.model_dump_json(), str(weightless), "other")


@pytest.mark.parametrize("modality", ["text", "image"])
def test_an_encoder_that_learns_is_refused(modality, pictures, weightless, tmp_path):
    with pytest.raises(AisleError, match="engine: ray is for encoders that learn nothing"):
        if modality == "text":
            section = {"encoder": "tfidf", "weights": "none", "fields": ["title"], "form": "raw"}
            params = text_vectors.TextEncoderParams.model_validate({**section, "engine": "ray"})
            text_vectors.encode_texts(["a b", "b c"], params, weightless)
        else:
            words = registry.EncoderParams(encoder="visual_words", weights="none", engine="ray")
            written(pictures, words, weightless, tmp_path / "out.parquet")


def test_ray_is_imported_where_it_is_asked_for_alone():
    code = "import sys; import stages.embed_text, stages.embed_images; print('ray' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@needs_ray
def test_ray_itself_gives_the_same_bytes(pictures, weightless, tmp_path, monkeypatch):
    """Of pictures by the whole way; of texts with an encoder that is made here and pickled."""
    monkeypatch.setenv("AISLE_CACHE", "off")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(picture_vectors, "BATCH", 2)
    here = written(pictures, PARAMS, weightless, tmp_path / "here.parquet")
    texts = pd.DataFrame(
        {"product_id": [f"p{i}" for i in range(700)], "title_raw": ["xy" * i for i in range(700)]}
    )
    given = tmp_path / "text.parquet"
    tables.write(texts, given, "tiny")
    section = {"encoder": "bow", "weights": "none", "fields": ["title"], "form": "raw"}
    of_texts = text_vectors.TextEncoderParams.model_validate(section)
    monkeypatch.setattr(registry, "create", lambda *_: Lengths())
    text_vectors.write(given, "lengths", of_texts, weightless, tmp_path / "texts.parquet")
    monkeypatch.undo()
    monkeypatch.setenv("AISLE_CACHE", "off")
    monkeypatch.setattr(picture_vectors, "BATCH", 2)  # a batch is a row group
    with ray_session.running(2):
        assert written(pictures, BY_RAY, weightless, tmp_path / "ray.parquet") == here

        def encoded(modality, params, folder, model, items):  # pickled whole, since it is local
            return np.array([[len(text), ord(text[0])] for text in items], np.float32)

        monkeypatch.setattr(registry, "create", lambda *_: Lengths())
        monkeypatch.setattr(engine, "encoded", encoded)
        by_ray = of_texts.model_copy(update={"engine": "ray"})
        text_vectors.write(given, "lengths", by_ray, weightless, tmp_path / "ray-texts.parquet")
    assert (tmp_path / "ray-texts.parquet").read_bytes() == (tmp_path / "texts.parquet").read_bytes()
