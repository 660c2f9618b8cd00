"""POST /v1/classify: what `predict` says, whatever a product is batched with, and why a person must look."""

import base64
import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from aisle import predict
from aisle.catalogue.tokeniser import Rules
from aisle.deployment.predictor import Predictor, RawProducts, as_json
from aisle.explanation import linear_terms
from aisle.service.answering import Batch, ServedModel

CLOCKS, MUGS = "Home >> Clocks", "Mugs"


def close(found: dict, expected: dict) -> None:
    """See that an answer of the service is what `predict` says."""
    assert found["category"] == expected["category"]
    assert found["needs_person"] == expected["send_to_person"]
    assert found["used"] == expected["used"]
    assert (found["certain"] or {}).get("category") == (expected["certain"] or {}).get("category")
    assert found["warning"] == expected["warning"]
    assert [each["category"] for each in found["top3"]] == [each["category"] for each in expected["top3"]]
    assert found["probability"] == pytest.approx(expected["probability"], abs=1e-6)
    assert found["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-6)


@pytest.fixture(scope="module")
def given(make_products):
    return make_products(120, 7)


@pytest.fixture(scope="module")
def expected(pristine, given):
    return as_json(Predictor(pristine).predict(pd.DataFrame(given, dtype=object)))


def ask(client, body):
    answer = client.post("/v1/classify?probabilities=true", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["predictions"]


def test_the_products_are_of_every_sort(expected):
    assert {each["send_to_person"] for each in expected} == {True, False}
    assert {tuple(each["used"].values()) for each in expected} == {
        (True, True), (True, False), (False, True), (False, False)
    }  # fmt: skip
    assert any("not a picture" in each["warning"] for each in expected)
    certain = {each["certain"]["category"] if each["certain"] else None for each in expected}
    assert certain == {None, "Home", "Mugs"}  # nowhere, to an inner node, to a leaf


def test_one_request_of_many_says_what_predict_says(client, given, expected, sent):
    found = ask(client, {"products": [sent(each) for each in given]})
    for one, other in zip(found, expected, strict=True):
        close(one, other)


def test_each_alone_and_many_at_once_say_the_same(client, given, expected, sent):
    """32 clients at a time: which products are batched together is chance."""
    some = list(range(0, 120, 2))
    with ThreadPoolExecutor(32) as pool:
        found = list(pool.map(lambda i: ask(client, sent(given[i]))[0], some))
    for i, one in zip(some, found, strict=True):
        close(one, expected[i])
    sizes = client.app.state.service.metrics.batch.collect()[0].samples
    by_name = {(each.name, each.labels.get("le")): each.value for each in sizes}
    assert by_name["aisle_batch_products_bucket", "1.0"] < by_name["aisle_batch_products_count", None]


def test_a_form_says_the_same_as_json(client, make_picture, sent):
    data = make_picture(CLOCKS, 3)
    fields = {"title": "quartz dial", "description": "alarm", "id": "sku 1"}
    form = client.post(
        "/v1/classify?probabilities=true",
        data=fields,
        files=[("image", ("a.png", data)), ("image", ("b.png", data))],
    )
    assert form.status_code == 200, form.text
    (as_body,) = ask(client, sent(fields | {"image": [data, data]}))
    (found,) = form.json()["predictions"]
    assert found["id"] == "sku 1" and found["used"]["image"]
    assert found["probabilities"] == pytest.approx(as_body["probabilities"], abs=1e-6)


def test_several_products_of_a_form_name_their_files(client, make_picture):
    listed = {
        "products": [{"title": "dial", "image_parts": ["second"]}, {"title": "tea", "image_parts": ["first"]}]
    }
    files = {"first": ("a.png", make_picture(MUGS, 1)), "second": ("b.png", make_picture(CLOCKS, 1))}
    answer = client.post("/v1/classify", data={"products": json.dumps(listed)}, files=files)
    assert answer.status_code == 200, answer.text
    found = answer.json()["predictions"]
    assert [each["category"] for each in found] == [CLOCKS, MUGS]
    assert all(each["used"] == {"text": True, "image": True} for each in found)


def test_an_answer_carries_all_that_it_must(client):
    answer = client.post(
        "/v1/classify", json={"id": "sku-1", "title": "quartz dial"}, headers={"X-Request-ID": "mine-1"}
    )
    found = answer.json()
    assert answer.headers["x-request-id"] == found["request_id"] == "mine-1"
    assert set(found["model"]) >= {"name", "version", "digest"}
    assert len(found["model"]["digest"]) == 64 and found["model"]["digest"].startswith(
        found["model"]["version"]
    )
    (one,) = found["predictions"]
    assert one["id"] == "sku-1" and one["category"] == CLOCKS
    assert one["category_path"] == ["Home", "Clocks"]
    assert len(one["top3"]) == 3 and one["top3"][0]["probability"] == one["probability"]
    assert one["probabilities"] is None


@pytest.mark.parametrize(
    ("product", "codes", "word"),
    [
        ({"title": "gift"}, ["below_bound"], "below 0.800"),
        ({"title": "quartz dial", "description": "alarm"}, ["fields_missing"], "without image"),
        ({}, ["nothing_to_read"], "no image and no text"),
        (
            {"title": "quartz dial", "description": "alarm", "image": b"x"},
            ["fields_missing", "unreadable_picture"],
            "not a picture",
        ),
    ],
)
def test_a_person_is_told_why(client, sent, product, codes, word):
    (found,) = ask(client, sent(product))
    assert found["needs_person"]
    assert [each["code"] for each in found["reasons"]] == codes
    assert any(word in each["message"] for each in found["reasons"])


def test_where_nobody_must_look_there_is_no_reason(client):
    (found,) = ask(client, {"title": "quartz dial alarm dial quartz"})
    assert not found["needs_person"] and found["reasons"] == [] and found["threshold"] == 0.8


def test_a_category_says_the_threshold_that_is_its_own(packages, make_picture):
    model = ServedModel(packages / "champion")
    product = {"title": "quartz dial", "description": "alarm dial", "image": make_picture(CLOCKS, 3)}
    (whole,) = model.answers([product])
    number = model.package.categories.index(whole["category"]) + 1
    for limit in (0.0, None):
        own = {f"threshold_category_{i}": 0.5 for i in (1, 2, 3)} | {f"threshold_category_{number}": limit}
        model.package = replace(model.package, decision=model.package.decision | own)
        (found,) = model.answers([product])
        assert (found["threshold"], found["send_to_person"]) == (limit, limit is None)


def test_nothing_that_is_named_is_read(client, make_picture, tmp_path):
    """A name or address of a picture reaches no file, on any way in."""
    secret = tmp_path / "secret.png"
    secret.write_bytes(make_picture(MUGS, 1))
    answer = client.post("/v1/classify", json={"title": "tea", "image": str(secret)})
    assert answer.status_code == 422 and "base64" in answer.json()["detail"]
    table = f"name,image\ntea,{secret}\n"
    found = client.post("/v1/classify/file", content=table, headers={"Content-Type": "text/csv"})
    assert found.status_code == 200
    row = pd.read_csv(pd.io.common.StringIO(found.text)).iloc[0]
    assert not row["used_image"] and "file missing" in row["warning"]


def test_answers_are_numbers(client):
    (found,) = ask(client, {"title": "\u0000 \uffff \U0001f600" * 50})
    assert np.isfinite(list(found["probabilities"].values())).all()


TABLE = """id,name,description,price
a,quartz dial,"<p>alarm, home</p>",1.50
b,=cmd(),tea handle,2
c,bulb,,
d,too,many,fields,here
e,"coffee
tea",handle,3
"""


def of_predict(pristine, source, target):
    """Write what `aisle.predict --input` does."""
    arguments = ["--input", str(source), "--output", str(target)]
    predict.many(Predictor(pristine), predict.parser().parse_args(arguments))


def test_a_table_is_answered_as_predict_answers_it(client, pristine, tmp_path):
    source = tmp_path / "products.csv"
    source.write_text(TABLE)
    of_predict(pristine, source, tmp_path / "expected.csv")
    answer = client.post("/v1/classify/file", content=TABLE.encode(), headers={"Content-Type": "text/csv"})
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/csv")
    (tmp_path / "found.csv").write_bytes(answer.content)
    found, expected = (pd.read_csv(tmp_path / f"{name}.csv") for name in ("found", "expected"))
    pd.testing.assert_frame_equal(found[expected.columns], expected, rtol=0, atol=1e-6)
    assert found["reasons"][3] == "malformed_record" and found["send_to_person"][3]
    assert found["prediction_id"].nunique() == 5
    digest = answer.headers["x-model-digest"]
    assert {*found["model_digest"]} == {digest}


def test_a_parquet_file_has_pictures_and_is_answered_as_parquet(client, pristine, make_products, tmp_path):
    """More rows than a batch has."""
    rows = [each for each in make_products(100, 3) if not isinstance(each.get("image"), list)]
    source = tmp_path / "products.parquet"
    pd.DataFrame(rows).to_parquet(source)
    of_predict(pristine, source, tmp_path / "expected.parquet")
    kind = "application/vnd.apache.parquet"
    answer = client.post("/v1/classify/file", content=source.read_bytes(), headers={"Content-Type": kind})
    assert answer.status_code == 200 and answer.headers["content-type"] == kind
    (tmp_path / "found.parquet").write_bytes(answer.content)
    found, expected = (pd.read_parquet(tmp_path / f"{name}.parquet") for name in ("found", "expected"))
    assert len(found) == len(rows) and found["used_image"].sum() > 40
    pd.testing.assert_frame_equal(found[expected.columns], expected, rtol=0, atol=1e-6)


def test_no_file_of_a_table_is_left(client, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # other services' are elsewhere
    for content in (TABLE.encode(), b"nothing"):
        client.post("/v1/classify/file", content=content, headers={"Content-Type": "text/csv"})
    assert not [*tmp_path.iterdir()]


def test_a_table_may_have_no_rows(client):
    answer = client.post("/v1/classify/file", content=b"id,title\n", headers={"Content-Type": "text/csv"})
    assert answer.status_code == 200 and answer.text.startswith("id,title")


def test_an_answer_is_explained_on_request(client, make_picture):
    """Words of the linear model, to the score; text and picture, to the log-odds: both add up."""
    picture = base64.b64encode(make_picture(MUGS, 5)).decode()
    sent = {
        "products": [{"title": "coffee handle", "description": "quartz", "image": picture}, {"title": "tea"}]
    }
    body = client.post("/v1/classify?explain=true&probabilities=true", json=sent).json()
    first, second = body["predictions"]
    words = {each["word"]: each["value"] for each in first["explanation"]["words"]}
    assert words["coffee"] > 0 > words["quartz"] and first["explanation"]["words_of"] == "words"
    parts = first["explanation"]["modalities"]
    odds = np.log(first["probability"] / (1 - first["probability"]))
    assert sum(parts.values()) == pytest.approx(odds, abs=1e-6) and parts["image"] > 0
    assert second["explanation"]["modalities"]["image"] == pytest.approx(0, abs=1e-9)
    assert client.post("/v1/classify", json=sent).json()["predictions"][0]["explanation"] is None
    many = {"products": [{"title": "tea"}] * 17}
    assert client.post("/v1/classify?explain=true", json=many).status_code == 413


def test_contributions_of_words_are_the_model_s_score(client):
    """Exact: with the same part for all categories taken away, they are the decision less its intercept."""
    model = client.app.state.service.serving.current
    pipeline, text = model.models["words"].estimator, "coffee handle quartz"
    found = linear_terms.terms(pipeline, text, MUGS)
    scores = pipeline.decision_function([text])[0] - pipeline[-1].intercept_
    place = list(pipeline.classes_).index(MUGS)
    assert sum(found.values()) == pytest.approx(scores[place] - scores.mean())
    assert sum(linear_terms.of_words(found).values()) == pytest.approx(sum(found.values()))
    assert linear_terms.terms(pipeline, text, "Cars") is None
    parts = list(linear_terms.marked("Coffee, (tea)!", {"coffee": 1.0, "tea": -1.0}, str.lower))
    assert parts == [("Coffee", 1.0), (", (", 0.0), ("tea", -1.0), (")!", 0.0)]


def test_tokens_that_are_remembered_are_those_of_predict(pristine, given):
    affixes = {"prefix": "^'", "suffix": "'$", "infix": "(?<=l)(?=a)"}
    exceptions, stop_words = {"steel": ["ste", "el"]}, frozenset({"home"})
    rules = Rules(exceptions=exceptions, stop_words=stop_words, lemmas={"shade": "SHADOW"}, **affixes)
    model = ServedModel(pristine)
    model.package = replace(model.package, text={"keep_numbers": True, "min_token_length": 2})
    model._rules, asked = rules, ["title", "description", "specifications"]
    expected = RawProducts(pd.DataFrame(given, dtype=object), model.package, rules)
    for form in ("clean", "tokens", "stems", "lemmas"):
        for _ in range(2):  # new words, and those that are known
            assert Batch(given, model).texts(asked, form) == expected.texts(asked, form)
    assert "al arm" in " ".join(expected.texts(["title"], "tokens")).replace("\x1f", " ")


@pytest.mark.parametrize(
    ("body", "status"),
    [('{"title": "quartz dial"}', 200), ("{", 422), ('{"titel": "x"}', 422), ('{"products": []}', 422)],
)
def test_the_direct_way_and_fastapis_answer_the_same(client, body, status):
    """A parameter of the media type is what the direct way does not take."""
    found = []
    for kind in ("application/json", "application/json; charset=utf-8"):
        answer = client.post(
            "/v1/classify", content=body, headers={"Content-Type": kind, "X-Request-ID": "a"}
        )
        assert answer.status_code == status and answer.headers["x-request-id"] == "a"
        told = answer.json()
        for each in told.get("predictions", []):
            del each["prediction_id"]
        found.append((told, {name: value for name, value in answer.headers.items()}))
    assert found[0] == found[1]
