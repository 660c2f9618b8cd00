"""Hostile and wrong requests: each is refused with a 4xx and one sentence, and the service answers on."""

import asyncio
import base64
import io
import json
import resource
import struct
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aisle.pipeline.errors import AisleError
from aisle.service import app, keys, products_in, state
from aisle.service.keys import Key
from aisle.service.settings import Settings

JSON, CSV, PARQUET = (
    {"Content-Type": kind} for kind in ("application/json", "text/csv", "application/vnd.apache.parquet")
)
MULTIPART = {"Content-Type": "multipart/form-data; boundary=b"}


def bomb(side):
    """Return a PNG of a few kilobytes that unpacks to side x side pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + side)) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


BOMB = base64.b64encode(bomb(20_000)).decode()


def deep(n, inner="1"):
    return "[" * n + inner + "]" * n


BODIES = {
    "nothing": b"",
    "no JSON": b"title=clock",
    "cut": b'{"title": "clo',
    "a list": b"[]",
    "a number": b"1e999",
    "NaN": b'{"title": NaN}',
    "infinity": b'{"title": -Infinity}',
    "NaN in specifications": b'{"specifications": {"a": NaN}}',
    "1e999 in specifications": b'{"specifications": {"a": 1e999}}',
    "half a character": rb'{"title": "\ud800"}',
    "half a character in a key": rb'{"\udfff": "x"}',
    "half a character as an id": rb'{"id": "\ud83d", "title": "x"}',
    "no UTF-8": b'{"title": "\xff\xfe"}',
    "deep": deep(100_000).encode(),
    "deep, in a field": f'{{"title": {deep(100_000)}}}'.encode(),
    "deep, in specifications": f'{{"specifications": {{"a": {deep(50)}}}}}'.encode(),
    "an unknown field": b'{"titel": "clock"}',
    "a number as a title": b'{"title": 5}',
    "a list as a title": b'{"title": ["a"]}',
    "none": b'{"products": []}',
    "no list": b'{"products": {"title": "x"}}',
    "many": json.dumps({"products": [{}] * 257}).encode(),
    "very many": b'{"products": [' + b"{}," * 1_000_000 + b"{}]}",
    "a long title": json.dumps({"title": "x" * 10_001}).encode(),
    "a null in an id": rb'{"id": "a\u0000b", "title": "x"}',
    "a line end in an id": rb'{"id": "a\nb", "title": "x"}',
    "broken base64": b'{"image": "!!!"}',
    "base64 without its end": b'{"image": "abcde"}',
    "base64 of other letters": '{"image": "äöü"}'.encode(),
    "a path": b'{"image": "/etc/passwd"}',
    "an address": b'{"image": "http://169.254.169.254/latest"}',
    "a picture that unpacks to 400 megapixels": json.dumps({"image": BOMB}).encode(),
    "the same, of many": json.dumps({"products": [{"title": "x"}, {"image": ["", BOMB]}]}).encode(),
    "too many pictures": json.dumps({"image": ["eA=="] * 9}).encode(),
    "parts that are none": b'{"title": "x", "image_parts": ["a"]}',
    "an object of megabytes": json.dumps(
        {"specifications": {str(i): "red" * 99 for i in range(9999)}}
    ).encode(),
    "a huge number": b'{"specifications": {"a": ' + b"9" * 5000 + b"}}",
}


@pytest.fixture(scope="module")
def refused(client):
    """Return a function that sends something, sees that it is refused in one sentence, and returns that."""

    def send(path, content, headers, status=None):
        answer = client.post(path, content=content, headers=headers)
        assert 400 <= answer.status_code < 500, answer.text[:300]
        assert status is None or answer.status_code == status, answer.text[:300]
        told = answer.json()["detail"]
        assert 20 < len(told) < 700 and "\n" not in told and "Traceback" not in told and "/tmp" not in told
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
        assert client.post("/v1/classify", json={"title": "quartz dial"}).status_code == 200
        return told

    return send


@pytest.mark.parametrize("name", BODIES)
def test_a_hostile_body_is_refused_in_one_sentence(refused, name):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused("/v1/classify", BODIES[name], JSON)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 600_000  # KiB


def part(name, content, extra=""):
    head = f'--b\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n'
    return head.encode() + content + b"\r\n"


END = b"--b--\r\n"
FORMS = {
    "nothing": b"",
    "no boundary in it": b"title=clock",
    "no name": b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n" + END,
    "no disposition": b"--b\r\n\r\nx\r\n" + END,
    "an unknown field": part("titel", b"x") + END,
    "a field twice": part("title", b"x") + part("title", b"y") + END,
    "a field thrice nine": b"".join(part(f"f{i}", b"x") for i in range(27)) + END,
    "a picture as text": part("image", b"x") + END,
    "a file of another name": part("photo", b"x", '; filename="a.png"') + END,
    "a bomb": part("image", bomb(20_000), '; filename="a.png"') + END,
    "products and a field": part("products", b"{}") + part("title", b"x") + END,
    "products of no JSON": part("products", b"{") + END,
    "products of half a character": part("products", rb'{"title": "\ud800"}') + END,
    "parts that are not there": part("products", b'{"image_parts": ["a"]}') + END,
    "a null in an id": part("id", b"a\0b") + END,
    "a header without end": b"--b\r\n" + b"x" * 100_000,
}


@pytest.mark.parametrize("name", FORMS)
def test_a_hostile_form_is_refused_in_one_sentence(refused, name):
    refused("/v1/classify", FORMS[name], MULTIPART)


def parquet(table, **options):
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


def dictionary_bomb():
    """Return a Parquet file of some kilobytes whose 90,000 values are a megabyte each."""
    values = pa.DictionaryArray.from_arrays(pa.array([0] * 90_000, pa.int32()), pa.array(["x" * 1_000_000]))
    return parquet(pa.table({"title": values}), compression="zstd")


def nothings(column, n):
    return pa.table({"title": ["x"] * len(column)} | {f"c{i}": column for i in range(n)})


TABLES = {
    "nothing": (b"", CSV),
    "a header alone without a field": (b"a,b\n1,2\n", CSV),
    "a column of predictions": (b"title,prediction_id\nx,y\n", CSV),
    "another column of predictions": (b"title,send_to_person\nx,y\n", CSV),
    "two columns for a title": (b"title,name\nx,y\n", CSV),
    "bytes of chance": (bytes(range(256)) * 40, CSV),
    "many rows": (b"title\n" + b"x\n" * 100_001, CSV),
    "very many lines": (b"title\n" + b"x\n" * 15_000_000, CSV),
    "empty lines alone": (b"title\n" + b"\n" * 15_000_000, CSV),
    "a wide header over short lines": (f"title{',a' * 5000}\n".encode() + b"x\n" * 50_000, CSV),
    "the same, quoted and of many lines": (b"title" + b',"\na"' * 4000 + b"\n" + b"x\n" * 50_000, CSV),
    "the same, with carriage returns": (b"title" + b",a" * 5000 + b"\r" + b"x\r" * 50_000, CSV),
    "the same, with another sign": (b"sep=!\ntitle" + b"!a" * 5000 + b"\n" + b"x\n" * 50_000, CSV),
    "a text of megabytes": (b"title,description\nx," + b"wall clock " * 1_000_000 + b"\n", CSV),
    "a column's name of megabytes": (b"a" * 5_000_000 + b"\nx\n", CSV),
    "columns of nothing": (parquet(nothings(pa.nulls(90_000, pa.string()), 500)), PARQUET),
    "columns of bits": (parquet(nothings(pa.array([True] * 90_000), 500)), PARQUET),
    "pictures of 400 megapixels": (parquet(pa.table({"title": ["x"], "image": [bomb(20_000)]})), PARQUET),
    "no Parquet": (b"title\nx\n", PARQUET),
    "half a Parquet": (parquet(pa.table({"title": ["x"] * 1000}))[:200], PARQUET),
    "nested": (parquet(pa.table({"title": [["x"]]})), PARQUET),
    "values that are a megabyte each": (dictionary_bomb(), PARQUET),
    "many rows in Parquet": (parquet(pa.table({"title": pa.nulls(2_000_000, pa.string())})), PARQUET),
    "the magic numbers alone": (b"PAR1" + b"\xff" * 100 + b"PAR1", PARQUET),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_hostile_table_is_refused_in_one_sentence(refused, name):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused("/v1/classify/file", *TABLES[name])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 600_000  # KiB


def test_large_bodies_are_read_one_at_a_time(settings, serve, monkeypatch):
    """What JSON unpacks to is 30 times its bytes: the sum must not grow with the number of clients."""
    client, at_once, most = serve(settings), [], []
    read = products_in.read_json

    def slow(*arguments):
        at_once.append(1)
        most.append(len(at_once))
        time.sleep(0.1)
        at_once.pop()
        return read(*arguments)

    monkeypatch.setattr(products_in, "read_json", slow)
    body = json.dumps({"description": "red " * 10_000}).encode()
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(client.post, "/v1/classify", content=body, headers=JSON) for _ in range(4)]
    assert {each.result().status_code for each in answers} == {200} and max(most) == 1


def test_a_table_may_have_lines_in_its_texts(client):
    """And empty lines, and many columns: what is bounded is far from what shops send."""
    table = "id,title,description\n" + "".join(f'{i},quartz dial,"a\n\nb,c\n"\n\n' for i in range(300))
    answer = client.post("/v1/classify/file", content=table, headers=CSV)
    assert answer.status_code == 200 and len(pd.read_csv(io.StringIO(answer.text))) == 300


def test_bytes_that_look_like_a_table_get_an_answer_or_a_sentence(client):
    for i in range(0, 256, 3):
        content = bytes([i]) * 20 + b"title\n" + bytes([255 - i]) * 20
        for headers in (CSV, PARQUET):
            answer = client.post("/v1/classify/file", content=content, headers=headers)
            assert answer.status_code < 500, (i, answer.text)


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/v1/classify", {"Content-Type": "text/plain"}, 415),
        ("POST", "/v1/classify", {}, 415),
        ("POST", "/v1/classify", JSON | {"Content-Encoding": "gzip"}, 415),
        ("POST", "/v1/classify", {"Content-Type": "multipart/form-data"}, 400),
        ("POST", "/v1/classify", {"Content-Type": "multipart/form-data; boundary="}, 400),
        ("POST", "/v1/classify", {"Content-Type": b"multipart/form-data; boundary=\xe4; charset=nix"}, 400),
        ("POST", "/v1/classify?probabilities=7", JSON, 422),
        ("POST", "/v1/classify/file", {"Content-Type": "application/zip"}, 415),
        ("POST", "/v1/classify/file?columns=nix", CSV, 422),
        ("POST", "/v1/classify/file?columns=title=nix", CSV, 422),
        ("POST", "/v1/feedback", {"Content-Type": "text/plain"}, 415),
        ("GET", "/v1/classify", {}, 405),
        ("DELETE", "/v1/models", {}, 405),
        ("GET", "/v1/nothing", {}, 404),
        ("GET", "/v1/classify/../../etc/passwd", {}, 404),
        ("POST", "/v1/classify/", JSON, 404),
    ],
)
def test_a_request_of_another_kind_is_refused(client, method, path, headers, status):
    answer = client.request(
        method, path, headers=headers, content=b"title\nx\n" if method == "POST" else None
    )
    assert answer.status_code == status, answer.text[:300]
    assert len(answer.json()["detail"]) > 20 and answer.json()["request_id"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"{}", b'{"prediction_id": "x", "category": "Mugs"}', deep(9999).encode()]
)
def test_feedback_that_is_none_is_refused(refused, body):
    refused("/v1/feedback", body, JSON, 422)


def test_a_formula_is_no_formula_in_the_answer(client):
    """Neither in the columns that were sent, nor in their names."""
    table = "title,=cmd()\n=HYPERLINK(1),@x\n-5,+1+1\n"
    answer = client.post("/v1/classify/file", content=table, headers=CSV)
    assert answer.status_code == 200, answer.text
    cells = pd.read_csv(io.StringIO(answer.text), dtype=str)
    assert cells.columns[1] == "'=cmd()" and list(cells["title"]) == ["'=HYPERLINK(1)", "-5"]
    assert list(cells["'=cmd()"]) == ["'@x", "'+1+1"]


def test_a_body_that_is_too_large_is_refused_before_it_is_read(settings, serve):
    client = serve(settings, body=1000, file=1000)
    for path, headers in (("/v1/classify", JSON), ("/v1/classify/file", CSV), ("/v1/feedback", JSON)):
        assert client.post(path, content=b"x" * 1001, headers=headers).status_code == 413
        chunks = (b"x" * 100 for _ in range(20))  # without a Content-Length
        assert client.post(path, content=chunks, headers=headers).status_code == 413


def test_bodies_have_a_bound_together(settings, serve):
    client = serve(settings, in_flight=100)
    answer = client.post("/v1/classify", json={"title": "x" * 200})
    assert answer.status_code == 429 and int(answer.headers["retry-after"]) >= 1
    assert client.post("/v1/classify", json={"title": "x"}).status_code == 200
    held = client.app.state.service.metrics.registry.get_sample_value("aisle_in_flight_bytes")
    assert held == 0


def test_a_full_queue_says_when_to_come_again(settings, serve):
    client = serve(settings, queue=10)
    answer = client.post("/v1/classify", json={"products": [{}] * 11})
    assert answer.status_code == 429 and int(answer.headers["retry-after"]) >= 1
    assert "full" in answer.json()["detail"]


def test_an_answer_that_takes_too_long_is_given_up(settings, serve):
    client = serve(settings, seconds=0.0)
    answer = client.post("/v1/classify", json={"title": "x"})
    assert answer.status_code in (408, 503) and "within" in answer.json()["detail"]


# ---- keys


def made(name, admin=False):
    """Return a key and its line."""
    secret = f"aisle_{name}"
    return secret, Key(name, sha256(secret.encode()).hexdigest(), admin)


@pytest.fixture
def with_keys(settings, serve):
    (shop, one), (boss, two) = made("shop"), made("boss", True)
    client = serve(replace(settings, keys=(one, two), host="0.0.0.0"), rate=5)
    return client, {"X-API-Key": shop}, {"Authorization": f"Bearer {boss}"}


def test_only_keys_that_are_known_are_answered(with_keys):
    client, shop, boss = with_keys
    for headers in ({}, {"X-API-Key": "x"}, {"Authorization": "Bearer "}, {"Authorization": "Basic eA=="}):
        for method, path in (
            ("POST", "/v1/classify"),
            ("POST", "/v1/classify/file"),
            ("POST", "/v1/feedback"),
            ("GET", "/v1/models"),
            ("POST", "/v1/models/reload"),
            ("POST", "/v1/models/rollback"),
            ("GET", "/metrics"),
        ):
            answer = client.request(method, path, headers=headers)
            assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"
    assert client.post("/v1/classify", json={"title": "x"}, headers=shop).status_code == 200
    assert client.post("/v1/classify", json={"title": "x"}, headers=boss).status_code == 200
    assert client.get("/health/ready").status_code == 200


def test_only_an_admin_changes_the_model(with_keys):
    client, shop, boss = with_keys
    assert client.post("/v1/models/reload", headers=shop).status_code == 403
    assert client.post("/v1/models/reload", headers=boss).status_code == 200


def test_a_key_has_its_share_of_a_minute(with_keys):
    client, shop, boss = with_keys
    assert client.post("/v1/classify", json={"products": [{}] * 6}, headers=shop).status_code == 413
    assert client.post("/v1/classify", json={"products": [{}] * 4}, headers=shop).status_code == 200
    answer = client.post("/v1/classify", json={"products": [{}] * 2}, headers=shop)
    assert answer.status_code == 429 and 1 <= int(answer.headers["retry-after"]) <= 61
    assert client.post("/v1/classify", json={"products": [{}] * 2}, headers=boss).status_code == 200


def test_without_keys_it_answers_this_machine_alone(settings):
    with pytest.raises(AisleError, match="must have API keys"):
        state.make(replace(settings, host="0.0.0.0"))


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://evil.example"}, {"Host": "evil.example"}, {"Host": "[::1"}, {"Origin": "null"}],
)
def test_without_keys_no_page_of_another_site_is_answered(client, headers):
    answer = client.post("/v1/models/reload", headers=headers)
    assert answer.status_code == 403 and "another site" in answer.json()["detail"]
    assert "access-control-allow-origin" not in answer.headers


def test_keys_are_read_or_refused_in_words(tmp_path):
    good = f"# ours\nshop:{'0' * 64}\nboss:{'1' * 64}:admin\n"
    assert [(key.name, key.admin) for key in keys.parse(good.splitlines(), "x")] == [
        ("shop", False),
        ("boss", True),
    ]
    for bad, word in (
        ("shop:secret", "line 1"),
        (f"shop:{'0' * 64}:king", "line 1"),
        (f"a:{'0' * 64}\nb:{'0' * 64}", "line 2"),
        (f"a:{'0' * 64}\na:{'1' * 64}", "line 2"),
    ):
        with pytest.raises(AisleError, match=word):
            keys.parse(bad.splitlines(), "x")
    (tmp_path / "empty").write_text("\n")
    for path in (tmp_path / "empty", tmp_path / "nothing"):
        with pytest.raises(AisleError, match="--keys"):
            keys.read(path)


def test_a_body_that_does_not_come_is_not_waited_for(pristine, tmp_path):
    """A client that sends half of what it announced and then nothing."""
    own = Settings(model=str(pristine), database=f"sqlite:///{tmp_path}/service.db", watch=0)
    made = app.create(state.make(replace(own, limits=replace(own.limits, seconds=0.2))))
    sent = []

    async def receive():
        if not sent:
            sent.append(True)
            return {"type": "http.request", "body": b'{"title": "x', "more_body": True}
        await asyncio.sleep(60)

    answered = []

    async def send(message):
        answered.append(message)

    headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/v1/classify", "raw_path": b"/v1/classify"}
    scope |= {"query_string": b"", "headers": headers, "http_version": "1.1", "scheme": "http"}
    asyncio.run(asyncio.wait_for(made(scope, receive, send), 10))
    assert answered[0]["status"] == 408 and b"within 0.2 seconds" in answered[1]["body"]
