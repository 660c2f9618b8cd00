"""service/label_studio.py: tasks and results in Label Studio's own JSON, as its documentation has it."""

import base64
import io
import json
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import select, update

from aisle.pipeline.errors import AisleError
from aisle.service import label_studio, labels
from aisle.service.review import filling
from aisle.service.store import database
from aisle.service.store.tables import Judgement, Review, ReviewItem
from tests.aisle.service.test_review import DISTINCT, MUGS, ONE, candidates

CATEGORIES = ["Home >> Clocks", "Home >> Lamps", MUGS, "Tea & <coffee>"]


@pytest.fixture
def store(url, make_picture):
    engine = database.open_store(url)
    first, *_ = candidates(engine, DISTINCT[:3])
    with engine.begin() as connection:
        picture = make_picture(MUGS, 1, kind="JPEG")
        connection.execute(update(ReviewItem).where(ReviewItem.review_id == first).values(picture=picture))
    filling.fill(engine, ONE, np.random.default_rng(0))
    yield engine
    engine.dispose()


def annotated(task, number, way, who=7, **changed):
    """Return a task as a project's export has it, with one annotation."""
    result = {"id": "Dx_aB91ISN", "from_name": "category", "to_name": "text", "type": "taxonomy",
              "origin": "manual", "value": {"taxonomy": [way]}}  # fmt: skip
    annotation = {
        "id": 1000 + number,
        "completed_by": who,
        "result": [result] if way else [],
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": "2026-05-09T22:16:08.728353Z",
        "updated_at": "2026-05-09T22:16:09.728378Z",
        "lead_time": 4.288,
        "task": number,
    }
    return {"id": number, "project": 83, "annotations": [annotation | changed]} | task


def test_the_interface_has_the_tree():
    view = ElementTree.fromstring(label_studio.config(CATEGORIES))
    tree = view.find("Taxonomy")
    assert [each.get("value") for each in tree] == ["Home", MUGS, "Tea & <coffee>"]
    assert [each.get("value") for each in tree[0]] == ["Clocks", "Lamps"]
    assert tree.get("toName") == view.find("Text").get("name") == "text"


def test_tasks_have_what_the_interface_shows_and_the_model_s_category(store):
    found = label_studio.tasks(store, CATEGORIES)
    view = ElementTree.fromstring(label_studio.config(CATEGORIES))
    shown = {each.get("value")[1:] for each in view if (each.get("value") or "").startswith("$")}
    assert len(found) == 3 and all(shown <= {*task["data"]} for task in found)
    (made,) = found[0]["predictions"]
    (result,) = made["result"]
    assert result["value"] == {"taxonomy": [[MUGS]]} and made["score"] == 0.5
    assert (result["type"], result["from_name"], result["to_name"]) == ("taxonomy", "category", "text")
    pictures = [task["data"]["picture"].partition(",") for task in found]
    kinds = {head: Image.open(io.BytesIO(base64.b64decode(data))).format for head, _, data in pictures}
    assert kinds == {"data:image/jpeg;base64": "JPEG", "data:image/png;base64": "PNG"}
    assert label_studio.tasks(store, ["another"])[0]["predictions"] == []


def test_what_was_said_there_reaches_labels_csv_once(store, url, tmp_path, monkeypatch, capsys):
    found = label_studio.tasks(store, CATEGORIES)
    exported = [
        annotated(found[0], 1, ["Home", "Clocks"]),
        annotated(found[1], 2, [MUGS], {"id": 3, "email": "ann@shop.example"}),
        annotated(found[2], 3, None, was_cancelled=True),
        {"id": 4, "data": found[0]["data"], "annotations": []},
    ]
    file = tmp_path / "project.json"
    file.write_text(json.dumps(exported), encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["label_studio", "--database", url, "import", str(file)])
    for _ in range(2):  # again: the same
        label_studio.main()
        assert "3 annotations are in the store" in capsys.readouterr().out
    with store.connect() as connection:
        states = dict(connection.execute(select(Review.id, Review.state)).all())
        assert len(connection.execute(select(Judgement)).all()) == 3
    assert [states[task["data"]["review_id"]] for task in found] == ["done", "done", "open"]
    said = {each.product_id: each for each in labels.judgements(store)}
    first = said[found[0]["data"]["product_id"]]
    assert (first.category_path, first.who) == ("Home >> Clocks", "label-studio:7")
    assert first.when == "2026-05-09T22:16:09.728+00:00" and first.why == "Label Studio"
    assert said[found[1]["data"]["product_id"]].who == "label-studio:ann@shop.example"
    assert len(said) == 2


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[", "it is no JSON"),
        ("{}", "it is no list"),
        ('[{"id": 1, "product_id": "a", "category": "b"}]', "a task has no review_id. JSON-MIN"),
    ],
)
def test_another_file_is_told(tmp_path, content, told):
    (tmp_path / "x.json").write_text(content, encoding="utf-8")
    with pytest.raises(AisleError, match=told):
        label_studio.read(tmp_path / "x.json")


def test_an_annotation_without_a_category_and_another_store_s_are_told(store, tmp_path):
    task = label_studio.tasks(store, CATEGORIES)[0]
    (tmp_path / "x.json").write_text(json.dumps([annotated(task, 5, None)]), encoding="utf-8")
    with pytest.raises(AisleError, match="task 5 must have one category; it has 0"):
        label_studio.read(tmp_path / "x.json")
    said = {
        "review_id": "f" * 32,
        "who": "x",
        "at": label_studio.datetime.now(),
        "category": MUGS,
        "seconds": 1.0,
    }
    with pytest.raises(AisleError, match="of this store's products; 1 are not"):
        label_studio.keep(store, [said])


def test_the_command_exports(store, url, pristine, tmp_path, monkeypatch, capsys):
    flags = ["export", "--model", str(pristine), "--output", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", ["label_studio", "--database", url, *flags])
    label_studio.main()
    assert "3 tasks are in" in capsys.readouterr().out
    assert len(json.loads((tmp_path / "out/tasks.json").read_text(encoding="utf-8"))) == 3
    assert "Clocks" in (tmp_path / "out/config.xml").read_text(encoding="utf-8")
