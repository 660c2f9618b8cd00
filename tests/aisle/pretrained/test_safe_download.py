"""safe_download.py: an address gives the file that it should, or one line says why it was not taken."""

import http.server
import multiprocessing
import threading
from hashlib import sha256
from pickle import UnpicklingError

import pytest

from aisle.pipeline.errors import AisleError
from aisle.pretrained import download, fetch, safe_download
from aisle.pretrained.sources import WeightsParams

CONTENT = bytes(range(256)) * 9000  # 2.3 MB


class Handler(http.server.BaseHTTPRequestHandler):
    """A hub that sends pages, too much, too little, or on to somewhere else."""

    def do_GET(self):
        self.server.seen.append(self.path)
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/"))
            self.end_headers()
            return
        self.send_response(200)
        if self.path == "/page":
            self.send_header("Content-Type", "text/html; charset=utf-8")
        if self.path not in ("/endless", "/little"):
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        try:
            for _ in range(1000 if self.path == "/endless" else 1):
                self.wfile.write(CONTENT[:1000] if self.path == "/little" else CONTENT)
        except OSError:
            self.server.broken.append(self.path)

    def log_message(self, *args):
        pass


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Return a server on this machine; the store is an empty folder."""
    monkeypatch.setenv("AISLE_WEIGHTS", str(tmp_path / "store"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.seen, server.broken = [], []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def entry(hub, path, megabytes=2.3):
    file = {"url": f"http://127.0.0.1:{hub.server_port}{path}", "sha256": sha256(CONTENT).hexdigest()}
    files = {"w.bin": file | {"megabytes": megabytes}}
    return WeightsParams(export="none", source="official", files=files)


@pytest.mark.parametrize(
    ("path", "megabytes", "told"),
    [
        ("/page", 2.3, "a page of HTML"),
        ("/weights", 1, r"2,304,000 bytes or more, and weights\.yaml says 1 MB"),
        ("/weights", 20, r"2,304,000 bytes or more, and weights\.yaml says 20 MB"),
        ("/little", 2.3, "it has 1,000 bytes"),
        ("/endless", 2.3, r"weights\.yaml says 2\.3 MB"),
        ("/endless", 0, "says no size, hence 10 MB at most"),
        ("/to/file:///etc/passwd", 2.3, "it is sent on to file:///etc/passwd, which must be http or https"),
        ("/to/ftp://127.0.0.1/x", 2.3, "which must be http or https"),
        ("/to//to//to//to//to//to//to//to//to//to//to//to//to//x", 2.3, "sent on more than 10 times"),
    ],
)
def test_what_is_refused_leaves_nothing(hub, tmp_path, path, megabytes, told):
    with pytest.raises(AisleError, match=told):
        download.find("tiny", entry(hub, path, megabytes))
    assert list((tmp_path / "store").glob("*/*")) == []
    assert len(hub.seen) <= safe_download.REDIRECTS  # none is tried again


def test_a_redirect_to_where_it_may_go_is_followed(hub):
    found = download.find("tiny", entry(hub, "/to//weights"))
    assert found["w.bin"].read_bytes() == CONTENT and len(hub.seen) == 2


@pytest.mark.parametrize(
    ("here", "first", "told"),
    [
        ("http://example.com/x", "https://example.com/x", "must be https"),
        ("https://127.0.0.1/x", "https://example.com/x", "an address of the own network"),
        ("https://10.1.2.3/x", "https://93.184.216.34/x", "an address of the own network"),
        (
            "https://169.254.169.254/latest/meta-data",
            "https://93.184.216.34/x",
            "an address of the own network",
        ),
        ("https://[::1]/x", "https://93.184.216.34/x", "an address of the own network"),
        ("https://0x7f000001/x", "https://93.184.216.34/x", "an address of the own network"),
        ("https://localhost/x", "https://93.184.216.34/x", "an address of the own network"),
        ("https://intranet/x", "https://93.184.216.34/x", "an address of the own network"),
        ("file:///etc/passwd", "file:///etc/passwd", "must be https"),
        ("https:///x", "https://93.184.216.34/x", "must be https"),
    ],
)
def test_no_way_leads_into_the_own_network_or_to_another_scheme(here, first, told):
    with pytest.raises(safe_download.RefusedError, match=told):
        safe_download.check_address(here, first)


def test_a_hub_in_the_own_network_may_be_named_by_the_user():
    safe_download.check_address("http://10.1.2.3/x", "http://10.1.2.3/w")
    safe_download.check_address("http://10.1.2.4/x", "http://10.1.2.3/w")
    safe_download.check_address("https://93.184.216.35/x", "https://93.184.216.34/w")


def test_a_download_that_takes_too_long_is_given_up(hub, monkeypatch, tmp_path):
    clock = iter(range(0, 10_000_000, 500))
    monkeypatch.setattr(safe_download.time, "monotonic", lambda: next(clock))
    with pytest.raises(AisleError, match=r"after 65\d seconds there are [\d,]+ bytes of it"):
        download.find("tiny", entry(hub, "/weights"))
    assert list((tmp_path / "store").glob("*/*")) == []


def _fetch(params, results):
    try:
        results.put(download.find("tiny", params)["w.bin"].read_bytes() == CONTENT)
    except BaseException as error:
        results.put(repr(error))


def test_four_at_once_download_once(hub):
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    processes = [context.Process(target=_fetch, args=(entry(hub, "/weights"), results)) for _ in range(4)]
    for process in processes:
        process.start()
    assert [results.get(timeout=30) for _ in processes] == [True] * 4
    for process in processes:
        process.join(10)
    assert hub.seen == ["/weights"]


def test_a_file_that_is_a_pickle_of_something_else_is_one_line(tmp_path, monkeypatch):
    """As torch says it, which loads weights alone."""

    class Export:
        def export(self, *_):
            raise UnpicklingError("Weights only load failed")

    monkeypatch.setattr(fetch.exports, "create", lambda *_: Export())
    monkeypatch.setattr(fetch.download, "find", lambda *_: {"w.pth": tmp_path / "w.pth"})
    params = WeightsParams(export="efficientnet_lite", source="path", path="x", files={"w.pth": {}})
    with pytest.raises(
        AisleError, match=r"w\.pth must be weights of efficientnet_lite .*Weights only load failed"
    ):
        fetch.fetch("net", params, tmp_path / "out")
    assert not (tmp_path / "out").exists()
