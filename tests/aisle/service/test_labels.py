"""service/labels.py: what people said reaches data/labels.csv, once, and nothing that is there is lost."""

import sys

import numpy as np
import pytest
from sqlalchemy import insert

from aisle.catalogue import label_overlay
from aisle.service import labels
from aisle.service.review import assigning, filling
from aisle.service.store import database
from aisle.service.store.tables import Feedback, now
from tests.aisle.service.test_review import DISTINCT, MUGS, ONE, candidates


@pytest.fixture
def store(url):
    engine = database.open_store(url)
    candidates(engine, DISTINCT[:4])
    filling.fill(engine, ONE, np.random.default_rng(0))
    yield engine
    engine.dispose()


def decide(engine, who, category, why=""):
    own = assigning.lease(engine, who, 60).product
    assert assigning.decide(engine, who, own.review_id, category, why=why)
    return own.product_id


def test_what_was_said_is_written_once(store, url, tmp_path, monkeypatch, capsys):
    file = tmp_path / "labels.csv"
    earlier = label_overlay.Judgement("other", "Home >> Clocks", "eve", "2026-01-01T00:00:00+00:00", "known")
    label_overlay.write([earlier], file)
    first = decide(store, "ann", MUGS, "=a handle,\nand a rim")
    skipped = decide(store, "ann", None)
    taken_back = decide(store, "ann", MUGS)
    assigning.undo(store, "ann", 60)
    said = {"id": "1" * 32, "at": now(), "prediction_id": "2" * 32, "who": "shop", "comment": ""}
    with store.begin() as connection:
        connection.execute(insert(Feedback), [said | {"product_id": "sku-9", "category": MUGS}])
        connection.execute(insert(Feedback), [said | {"id": "3" * 32, "product_id": None, "category": MUGS}])
    monkeypatch.setattr(sys, "argv", ["labels", "--database", url, "--output", str(file)])
    labels.main()
    assert "2 labels are new, 3 are in" in capsys.readouterr().out
    written = file.read_bytes()
    found = {each.product_id: each for each in label_overlay.read(file)}
    assert {*found} == {"other", first, "sku-9"} and not {skipped, taken_back} & {*found}
    assert (found[first].category_path, found[first].who) == (MUGS, "ann")
    assert found[first].why == "=a handle, and a rim" and found["sku-9"].why == "feedback"
    labels.main()
    assert "0 labels are new" in capsys.readouterr().out and file.read_bytes() == written
    assert found["other"].why == "known"


def test_a_file_that_is_none_is_left_as_it_is(store, tmp_path):
    file = tmp_path / "labels.csv"
    file.write_text("my notes\n")
    decide(store, "ann", MUGS)
    with pytest.raises(labels.AisleError, match="must have the columns"):
        labels.write(store, file)
    assert file.read_text() == "my notes\n"
    assert labels.write(store, tmp_path / "new.csv") == (1, 1)
