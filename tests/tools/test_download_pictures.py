"""tools/download_pictures.py against a server on this machine that does what servers on the web do."""

import csv
import io
import json
import os
import socket
import sys
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest import mock
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from aisle.catalogue.picture_files import PictureFolder
from aisle.pipeline import cli
from tools import download_pictures
from tools.download_pictures import Downloader, FetchError, Limits, addresses, is_picture, is_public, resolve


def picture(seed, kind="JPEG"):
    pixels = np.random.default_rng(seed).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


JPEG = picture(0)


class Web(BaseHTTPRequestHandler):
    """Answers by the path; counts what it is asked."""

    asked: list[str]
    at_once: int
    most: int
    lock = threading.Lock()

    def log_message(self, *args):
        pass

    def do_GET(self):
        path = urlsplit(self.path).path
        with Web.lock:
            Web.asked.append(self.path)
        with suppress(BrokenPipeError, ConnectionResetError):
            getattr(self, path.split("/")[1], self.give)()

    def give(self, content=JPEG, status=200, length=True, **headers):
        self.send_response(status)
        if length:
            self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def own(self):
        with Web.lock:
            Web.at_once += 1
            Web.most = max(Web.most, Web.at_once)
        time.sleep(0.02)
        with Web.lock:
            Web.at_once -= 1  # before the answer: once it has come, the client may ask again
        self.give(picture(int(self.path.split("/")[2].split(".")[0])))

    def lost(self):
        self.give(b"", 404)

    def page(self):
        self.give(b"<html>not a picture</html>" * 1000, **{"Content-Type": "text/html"})

    def huge(self):
        self.give(JPEG[:12] + b"\0" * 3_000_000)

    def endless(self):
        self.give(b"", length=False)
        self.wfile.write(JPEG[:12])
        while True:
            self.wfile.write(b"\0" * 65536)

    def slow(self):
        self.give(b"", length=False)
        for byte in JPEG:
            self.wfile.write(bytes([byte]))
            time.sleep(0.05)

    def mute(self):
        time.sleep(3)

    def drip(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for i in range(60):
            self.wfile.write(f"X-{i}: y\r\n".encode())
            time.sleep(0.05)

    def short(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(JPEG)))
        self.end_headers()
        self.wfile.write(JPEG[:100])

    def busy(self):
        tries = sum(path == self.path for path in Web.asked)
        self.give(JPEG if tries > 2 else b"", 200 if tries > 2 else 503)

    def to(self):
        self.give(b"", 302, Location=self.path.partition("?")[2])

    def round(self):
        self.give(b"", 302, Location=self.path)


@pytest.fixture
def web():
    Web.asked, Web.at_once, Web.most = [], 0, 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Web)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def fetch(folder, wanted, **limits):
    downloader = Downloader(folder, Limits(private=True, **limits))
    downloader.run(wanted)
    return downloader, dict(downloader.failures)


def test_pictures_are_found_by_their_addresses(web, tmp_path):
    wanted = [f"{web}/own/{i}.jpg" for i in range(20)] + [f"{web}/My%20Shoe.JPG?v=1", f"{web}/i.php?id=2"]
    downloader, failures = fetch(tmp_path, wanted * 2, connections=4)
    assert (downloader.fetched, downloader.there, failures) == (22, 0, {})
    assert 1 < Web.most <= 4 and len(Web.asked) == 22
    folder = PictureFolder(tmp_path)
    for i, address in enumerate(wanted[:20]):
        assert folder.find(address)[0].read_bytes() == picture(i)
    assert all(folder.find(address)[0].read_bytes() == JPEG for address in wanted[20:])
    assert not any(part.startswith(".") for path in tmp_path.rglob("*") for part in path.parts[-1:])


def test_what_is_there_is_not_fetched_again(web, tmp_path):
    fetch(tmp_path, [f"{web}/own/1.jpg"])
    downloader, _ = fetch(tmp_path, [f"{web}/own/1.jpg", f"{web}/own/2.jpg"])
    assert (downloader.fetched, downloader.there) == (1, 1) and len(Web.asked) == 2


def test_the_same_bytes_are_kept_once(web, tmp_path):
    fetch(tmp_path, [f"{web}/a.jpg"])
    fetch(tmp_path, [f"{web}/b.jpg", f"{web}/c/d.jpg"])
    files = [path for path in tmp_path.rglob("*.jpg")]
    assert len(files) == 3 and len({os.stat(path).st_ino for path in files}) == 1


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("lost/1.jpg", "answered 404 Not Found"),
        ("page/1.jpg", "no picture in a format that is read; the server calls it text/html"),
        ("huge/1.jpg", "larger than 1 MB"),
        ("endless/1.jpg", "larger than 1 MB"),
        ("slow/1.jpg", "took longer than 1 seconds"),
        ("mute/1.jpg", "took longer than 1 seconds"),
        ("drip/1.jpg", "took longer than 1 seconds"),
        ("short/1.jpg", "broke off after 100 of "),
        ("round/1.jpg", "more than 5 redirects"),
        ("to/?file:///etc/passwd", "no address of the web"),
        ("to/?http://[broken", "not found"),
        ("to/?http://user@127.0.0.1/a.jpg", "no address of the web"),
        ("to/?http://no-such-host.invalid/a.jpg", "host 'no-such-host.invalid' not found"),
    ],
)
def test_what_goes_wrong_costs_that_picture_and_is_told(web, tmp_path, monkeypatch, path, reason):
    monkeypatch.setattr(download_pictures, "ATTEMPTS", 1)
    start = time.monotonic()
    downloader, failures = fetch(tmp_path, [f"{web}/{path}", f"{web}/own/5.jpg"], megabytes=1, seconds=1)
    assert time.monotonic() - start < 20  # the slow one would take a minute
    assert list(failures) == [f"{web}/{path}"] and reason in failures[f"{web}/{path}"]
    assert downloader.fetched == 1
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["5.jpg"]


def test_a_busy_server_is_asked_again(web, tmp_path):
    downloader, failures = fetch(tmp_path, [f"{web}/busy/1.jpg"])
    assert (downloader.fetched, failures) == (1, {}) and len(Web.asked) == 3


def test_a_redirect_is_followed_and_the_picture_kept_under_the_address_asked_for(web, tmp_path):
    fetch(tmp_path, [f"{web}/to/?/own/7.jpg"])
    assert PictureFolder(tmp_path).find(f"{web}/to/?/own/7.jpg")[0].read_bytes() == picture(7)


def test_all_together_are_bounded_in_size_and_time(web, tmp_path):
    wanted = [f"{web}/own/{i}.jpg" for i in range(10)]
    downloader, failures = fetch(tmp_path / "a", wanted, connections=1, total_megabytes=2.5 * len(JPEG) / 1e6)
    assert 1 <= downloader.fetched <= 3 and "all together are larger" in [*failures.values()][-1]
    downloader, failures = fetch(tmp_path / "b", wanted, connections=1, total_seconds=0.05)
    assert downloader.fetched < 4 and "took longer" in [*failures.values()][-1]


def test_private_addresses_are_refused_at_first_and_after_a_redirect(web, tmp_path, monkeypatch):
    downloader = Downloader(tmp_path, Limits())
    downloader.run(
        [f"{web}/own/1.jpg", "http://localhost/a.jpg", "http://[::1]/a.jpg", "http://2130706433/a.jpg"]
    )
    assert len(downloader.failures) == 4 and not Web.asked
    assert all(reason.endswith("is not a public one") for _, reason in downloader.failures)
    monkeypatch.setattr(download_pictures, "is_public", lambda host: host == "127.0.0.1")
    downloader = Downloader(tmp_path, Limits())
    downloader.run([f"{web}/to/?http://127.0.0.2/a.jpg"])
    assert Web.asked and downloader.failures[0][1] == "host '127.0.0.2' is not a public one"


def test_the_connection_goes_to_the_address_that_was_looked_at(web, monkeypatch):
    """A name that leads elsewhere the second time it is looked up gains nothing."""
    port = int(web.rpartition(":")[2])
    answers = iter([("93.184.216.34", port), ("127.0.0.1", port)])
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *args, **others: [(socket.AF_INET, 1, 6, "", next(answers))]
    )
    assert resolve(urlsplit(f"http://rebound.example:{port}/a.jpg"), False) == (
        "93.184.216.34",
        port,
    )
    with pytest.raises(FetchError, match="not a public one"):
        resolve(urlsplit("http://rebound.example/a.jpg"), False)


@pytest.mark.parametrize(
    ("host", "public"),
    [
        ("93.184.216.34", True),
        ("169.254.169.254", False),
        ("2606:2800:220:1::1", True),
        *((host, False) for host in ("127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1")),
        *((host, False) for host in ("0.0.0.0", "100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "::")),
        *((host, False) for host in ("fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:10.0.0.1")),
        *((host, False) for host in ("64:ff9b::7f00:1", "::ffff:127.0.0.1", "2002:7f00:1::")),
    ],
)
def test_which_addresses_are_public(host, public):
    assert is_public(host) == public


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"])
def test_every_format_that_is_read_is_known_by_its_beginning(kind):
    assert is_picture(picture(1, kind)[:12])
    assert not is_picture(b"<html><body>") and not is_picture(b"%PDF-1.7 ...") and not is_picture(b"")


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("https://x.org/a.jpg", ["https://x.org/a.jpg"]),
        (" //x.org/a,b.jpg ", ["//x.org/a,b.jpg"]),
        ("https://x.org/a.jpg, https://x.org/b.jpg|http://y.org/c;d", None),
        (
            '["https://x.org/a.jpg", "https://x.org/b.jpg", 3, "c.jpg"]',
            ["https://x.org/a.jpg", "https://x.org/b.jpg"],
        ),
        ("a.jpg", []),
        ("", []),
        ("[broken", []),
        ("ftp://x.org/a.jpg", []),
    ],
)
def test_the_addresses_of_a_cell(cell, found):
    several = ["https://x.org/a.jpg", "https://x.org/b.jpg", "http://y.org/c;d"]
    assert addresses(cell) == (several if found is None else found)


def run(*arguments):
    with mock.patch.object(sys, "argv", ["download_pictures", *map(str, arguments)]):
        cli.run(download_pictures.main)


def test_a_table_is_read_and_what_failed_is_written(web, tmp_path, capsys):
    cells = [f"{web}/own/1.jpg", "", json.dumps([f"{web}/own/2.jpg", f"{web}/lost/3.jpg"])]
    with (tmp_path / "shop.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("id", "Image Src"), *enumerate(cells)])
    output = tmp_path / "pictures"
    run("--table", tmp_path / "shop.csv", "--column", "Image Src", "--output", output, "--allow-private")
    assert "2 pictures fetched, 0 were there, 1 failed" in capsys.readouterr().out
    with (tmp_path / "pictures.failures.csv").open() as file:
        assert list(csv.reader(file)) == [
            ["address", "reason"],
            [f"{web}/lost/3.jpg", "answered 404 Not Found"],
        ]


def test_a_list_is_read(web, tmp_path, capsys):
    (tmp_path / "list.txt").write_text(f"{web}/own/1.jpg\n\n{web}/own/2.jpg\n")
    run("--list", tmp_path / "list.txt", "--output", tmp_path / "pictures", "--allow-private")
    assert "2 pictures fetched" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--list", "none.txt"], "must be a text file of addresses"),
        (["--list", "empty.txt"], "must have addresses that begin with http"),
        (["--table", "shop.csv", "--column", "Image"], "--column must be one of"),
        (["--list", "private.txt"], "of 1 addresses none gave a picture"),
        (["--table", "shop.csv"], "--table needs --column"),
    ],
)
def test_a_clear_error(tmp_path, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.txt").write_text("a.jpg\n")
    (tmp_path / "private.txt").write_text("http://127.0.0.1/a.jpg\n")
    (tmp_path / "shop.csv").write_text("id,Image Src\n1,a.jpg\n")
    with pytest.raises(SystemExit) as stop:
        run(*arguments, "--output", "pictures")
    assert stop.value.code == 2 and said in capsys.readouterr().err
