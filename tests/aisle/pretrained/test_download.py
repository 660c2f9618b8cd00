"""download.py: files are found, downloaded, resumed and verified; nothing wrong is believed or left."""

import http.server
import threading
from hashlib import md5, sha256
from importlib.metadata import version
from pathlib import Path

import pytest

from aisle.pipeline.errors import AisleError
from aisle.pretrained import download
from aisle.pretrained.sources import WeightsParams

CONTENT = bytes(range(256)) * 9000  # more than two chunks
SHA, MD5 = sha256(CONTENT).hexdigest(), md5(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """A hub that has `/weights`, breaks off in `/short` and knows ranges."""

    def do_GET(self):
        self.server.seen.append((self.path, self.headers.get("Range")))
        if self.path == "/missing":
            self.send_error(404)
            return
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        if start > len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        first_try = self.path == "/flaky" and len(self.server.seen) == 1
        sent = 10 if self.path == "/short" else 1_500_000 if first_try else len(CONTENT)
        self.wfile.write(CONTENT[start : start + sent])

    def log_message(self, *args):
        pass


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Return a server on this machine; the store is an empty folder."""
    monkeypatch.setenv("AISLE_WEIGHTS", str(tmp_path / "store"))
    monkeypatch.setattr(download.time, "sleep", lambda seconds: None)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.seen = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def entry(source="official", path=None, package=None, **file):
    return WeightsParams(
        export="none", source=source, path=path, package=package, files={"w.bin": {"sha256": SHA} | file}
    )


def at(hub, path):
    return f"http://127.0.0.1:{hub.server_port}{path}"


def left(tmp_path):
    return list((tmp_path / "store").glob("*/*"))


def test_a_download_is_kept_and_not_repeated(hub, tmp_path):
    params = entry(url=at(hub, "/weights"), md5=MD5)
    found = download.find("tiny", params)
    assert found["w.bin"].read_bytes() == CONTENT
    assert download.find("tiny", params) == found and len(hub.seen) == 1
    assert [path.name for path in left(tmp_path)] == ["w.bin"]


def test_a_broken_download_goes_on_where_it_stopped(hub):
    found = download.find("tiny", entry(url=at(hub, "/flaky")))
    assert found["w.bin"].read_bytes() == CONTENT
    (_, first), (_, second) = hub.seen
    assert first is None and int(second[6:-1]) > 1_000_000


def test_what_an_earlier_run_left_is_used(hub, tmp_path):
    part = tmp_path / "store/tiny/w.bin.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT[:1000])
    assert download.find("tiny", entry(url=at(hub, "/weights")))["w.bin"].read_bytes() == CONTENT
    assert hub.seen == [("/weights", "bytes=1000-")]


def test_a_remainder_longer_than_the_file_is_begun_again(hub, tmp_path):
    part = tmp_path / "store/tiny/w.bin.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT + CONTENT)
    assert download.find("tiny", entry(url=at(hub, "/weights")))["w.bin"].read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("path", "digests", "told"),
    [
        ("/weights", {"sha256": "0" * 64}, ["sha256", "0" * 64, SHA, f"{len(CONTENT):,} bytes"]),
        ("/weights", {"md5": "0" * 32}, ["md5", MD5]),
        ("/short", {}, ["IncompleteRead(10 bytes"]),
        ("/missing", {}, ["404"]),
    ],
)
def test_a_wrong_file_is_one_clear_error_and_leaves_nothing(hub, tmp_path, path, digests, told):
    with pytest.raises(AisleError) as error:
        download.find("tiny", entry(url=at(hub, path), **digests))
    for part in ["w.bin", at(hub, path), "make weights", "source: path", "source: package", *told]:
        assert part in str(error.value), part
    assert left(tmp_path) == []


def test_an_address_that_cannot_be_reached(hub, tmp_path):
    url = at(hub, "/weights")
    hub.shutdown()
    hub.server_close()
    with pytest.raises(AisleError, match=r"w\.bin.*refused.*Three ways"):
        download.find("tiny", entry(url=url))
    assert left(tmp_path) == []


def test_a_file_of_the_store_that_was_cut_short_is_refused(hub, tmp_path):
    params = entry(url=at(hub, "/weights"))
    path = download.find("tiny", params)["w.bin"]
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(AisleError, match=r"w\.bin must have sha256 .* damaged, cut short"):
        download.find("tiny", params)


@pytest.mark.parametrize("folder", [True, False])
def test_a_local_file_or_folder(tmp_path, folder):
    path = tmp_path / "w.bin"
    path.write_bytes(CONTENT)
    params = entry("path", str(tmp_path if folder else path))
    assert download.find("tiny", params) == {"w.bin": path}


@pytest.mark.parametrize(
    ("params", "told"),
    [
        (entry("path", "nowhere/w.bin"), ["nowhere/w.bin", "there is none", "Three ways"]),
        (entry("path"), ["weights.tiny.path"]),
        (entry("official", sha256=None, url="http://127.0.0.1:1/w"), ["w.bin.sha256", "make weights"]),
        (entry("package"), ["weights.tiny", "package"]),
        (entry(), ["w.bin.url"]),
    ],
)
def test_what_params_lack_or_name_wrongly(params, told):
    with pytest.raises(AisleError) as error:
        download.find("tiny", params)
    assert all(part in str(error.value) for part in told), str(error.value)


def packaged(name="numpy", number=None, file="numpy/version.py", source="package", **changes):
    digest = sha256(Path(__import__("numpy").__file__).with_name("version.py").read_bytes()).hexdigest()
    return WeightsParams(
        export="none",
        source=source,
        package={"name": name, "version": number or version("numpy")},
        files={"version.py": {"package": file, "sha256": digest} | changes},
    )


def test_a_file_of_an_installed_package():
    assert download.find("tiny", packaged())["version.py"].name == "version.py"


def test_random_takes_what_is_not_learned_from_the_package_and_nothing_else():
    assert download.find("tiny", packaged(source="random")) == {}
    assert set(download.find("tiny", packaged(source="random", learned=False))) == {"version.py"}


def test_what_is_not_learned_comes_from_the_package_whatever_the_source(tmp_path):
    (tmp_path / "w.bin").write_bytes(CONTENT)
    vocabulary = packaged(source="random", learned=False)
    both = {**vocabulary.files, "w.bin": entry().files["w.bin"]}
    params = vocabulary.model_copy(update={"files": both, "source": "path", "path": str(tmp_path / "w.bin")})
    found = download.find("tiny", params)
    assert found["w.bin"] == tmp_path / "w.bin" and found["version.py"].name == "version.py"
    several = params.model_copy(update={"files": {"a": both["w.bin"], "b": both["w.bin"]}})
    with pytest.raises(AisleError, match="path must be a folder that has a, b, not one file"):
        download.find("tiny", several)


@pytest.mark.parametrize("source", ["official", "path", "package"])
def test_real_weights_must_be_named(source):
    with pytest.raises(ValueError, match="files must name the weights"):
        WeightsParams(export="none", source=source, files={"vocab.txt": {"learned": False}})
    assert WeightsParams(export="none", source="random").files == {}


def test_a_whole_part_is_not_downloaded_again(hub, tmp_path):
    part = tmp_path / "store/tiny/w.bin.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT)
    assert download.find("tiny", entry(url=at(hub, "/weights")))["w.bin"].read_bytes() == CONTENT
    assert hub.seen == []


def test_without_a_digest_a_download_begins_anew(hub, tmp_path):
    """Nothing could tell that the parts of two versions do not fit."""
    part = tmp_path / "store/tiny/w.bin.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"of another version")
    file = entry(url=at(hub, "/flaky"), sha256=None).files["w.bin"]
    assert download.download("tiny", "w.bin", file).read_bytes() == CONTENT
    assert [asked for _, asked in hub.seen] == [None, None]


@pytest.mark.parametrize(
    ("params", "told"),
    [
        (packaged("no-such-package"), "no-such-package==.* must be installed"),
        (packaged(number="0.1"), "numpy==0.1 must be installed, not version"),
        (packaged(file="numpy/no.bin"), "must carry numpy/no.bin"),
        (packaged(sha256="0" * 64), "must have sha256 0000"),
        (packaged(sha256=None), "sha256 must be in params.yaml; it is null. this file's is [0-9a-f]{64}"),
    ],
)
def test_a_package_that_does_not_have_it(params, told):
    with pytest.raises(AisleError, match=told):
        download.find("tiny", params)


def test_random_weights_need_no_file():
    assert download.find("tiny", entry("random")) == {}


def test_random_weights_may_be_of_a_smaller_model():
    entry = {"export": "keras_backbone", "options": {"side": 224, "architecture": "VGG16"}}
    entry["random_options"] = {"side": 96}
    options = {
        source: WeightsParams.model_validate(entry | {"source": source}).options
        for source in ("random", "absent")
    }
    assert options["random"] == {"side": 96, "architecture": "VGG16"}
    assert options["absent"] == entry["options"]
