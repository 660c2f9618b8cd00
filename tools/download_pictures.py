"""Fetch the pictures that a table names by their addresses into a folder, before the pipeline runs.

The folder then is `catalogue.images`: the pipeline finds a picture there by its address. Started again, it
fetches what is missing. Only public addresses are asked, each redirect is looked at anew, and sizes, times
and connections are bounded, so that a table from elsewhere can be given. What failed stands in a CSV. No
proxy is used.
"""

import argparse
import csv
import http.client
import ipaddress
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from pydantic import PositiveFloat, PositiveInt
from requests import certs
from tqdm import tqdm

from aisle.catalogue import picture_lists
from aisle.catalogue.formats import json_records
from aisle.catalogue.picture_files import address_file
from aisle.catalogue.source import read_source
from aisle.pipeline import cli
from aisle.pipeline.errors import AisleError, some
from aisle.pipeline.params import Section

CHUNK = 65536
QUIET = 15
"""Seconds without a byte after which a server is given up."""
REDIRECTS = 5
ATTEMPTS = 3
"""Of an address whose server is busy or breaks off."""
BUSY = (429, 500, 502, 503, 504)
SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM", b"II*\0", b"MM\0*")
"""First bytes of formats that the pipeline reads; WEBP and AVIF have other bytes before their names."""
PARTS = ".parts"
"""Folder of what is not whole yet; the pipeline looks into no folder whose name begins with a dot."""


class Limits(Section):
    """What fetching may take.

    Parameters
    ----------
    megabytes, seconds
        Of one picture.
    total_megabytes, total_seconds
        Of all.
    connections
        At a time.
    private
        Whether addresses may be private or local ones.
    """

    megabytes: PositiveFloat = 20
    seconds: PositiveFloat = 60
    total_megabytes: PositiveFloat = 20_000
    total_seconds: PositiveFloat = 6 * 3600
    connections: PositiveInt = 8
    private: bool = False


class FetchError(Exception):
    """Why a picture cannot be had, in words."""


class BusyError(FetchError):
    """The server may answer another time."""


def addresses(value: str) -> list[str]:
    """Return the addresses in a cell of a table: one, several with separators between, or a JSON list."""
    value = value.strip()
    if value.startswith("["):
        try:
            listed = json_records.loads(value)
        except ValueError:
            listed = []
        return [found for each in listed if isinstance(each, str) for found in addresses(each)]
    each = picture_lists.addresses(value)
    return [address for address in each if re.match(r"(?:https?:)?//", address, re.IGNORECASE)]


def is_picture(start: bytes) -> bool:
    """Whether a file that begins so is a picture in a format that the pipeline reads."""
    named = start[8:12] == b"WEBP" if start[:4] == b"RIFF" else start[4:12] in (b"ftypavif", b"ftypavis")
    return named or start.startswith(SIGNATURES)


def is_public(host: str) -> bool:
    """Whether an IP address is one of the public network, also if IPv6 wraps one of IPv4."""
    ip = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo or (None, None))[1]
        if ip in ipaddress.ip_network("64:ff9b::/96"):  # NAT64
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None and not (inner.is_global and not inner.is_multicast):
            return False
    return ip.is_global and not ip.is_multicast


def resolve(address: SplitResult, private: bool) -> tuple[str, int]:
    """Return the IP address and port to connect to: what has been looked at, whatever the name says next.

    Raises
    ------
    FetchError
        If the address is not one of the web, has no host, or leads into a private network.
    """
    if address.scheme not in ("http", "https") or not address.hostname or address.username is not None:
        raise FetchError("no address of the web, http or https, without a user's name")
    try:
        port = address.port or {"http": 80, "https": 443}[address.scheme]
        found = socket.getaddrinfo(address.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as error:  # UnicodeError is a ValueError
        raise FetchError(f"host {address.hostname!r} not found: {error}") from None
    hosts = [str(entry[4][0]) for entry in found]
    if not private and not all(map(is_public, hosts)):
        raise FetchError(f"host {address.hostname!r} is not a public one")
    return hosts[0], port


class _Connection(http.client.HTTPConnection):
    """A connection to an IP address, for the host that an address of the web names."""

    def __init__(self, address: SplitResult, ip: str, port: int, context: ssl.SSLContext | None) -> None:
        super().__init__(address.hostname or "", port, timeout=QUIET)
        self._ip, self._context = ip, context
        self._socket: socket.socket | None = None

    def connect(self) -> None:
        """Connect, and for https let the server show that it is the host."""
        plain = socket.create_connection((self._ip, self.port), self.timeout)
        self.sock = (
            plain if self._context is None else self._context.wrap_socket(plain, server_hostname=self.host)
        )
        self._socket = self.sock  # http.client lets go of its own before the answer has been read

    def cut(self) -> None:
        """End whatever is being waited for."""
        if self._socket is not None:
            with suppress(OSError):  # it has ended by itself
                self._socket.shutdown(socket.SHUT_RDWR)


def _raise(jobs: Iterable[Future[None]]) -> None:
    """Raise what a job has raised: none should."""
    for job in jobs:
        job.result()


class Downloader:
    """Fetches pictures into a folder.

    Parameters
    ----------
    folder
        Where to. Pictures of the same bytes are links to one file.
    limits
        What it may take.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.folder, self.limits = folder, limits
        self.fetched = self.there = 0
        self.failures: list[tuple[str, str]] = []
        self._context = ssl.create_default_context(cafile=certs.where())
        self._left = int(limits.total_megabytes * 1e6)
        self._end = time.monotonic() + limits.total_seconds
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._content: dict[str, Path] = {}

    def run(self, wanted: Iterable[str]) -> None:
        """Fetch each address once; failures are collected, by address."""
        each = list(dict.fromkeys(wanted))
        (self.folder / PARTS).mkdir(parents=True, exist_ok=True)
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and PARTS not in path.parts:
                self._content.setdefault(sha256(path.read_bytes()).hexdigest(), path)
        with (
            tqdm(total=len(each), desc="pictures", unit="picture", disable=None) as bar,
            ThreadPoolExecutor(self.limits.connections) as pool,
        ):
            jobs: set[Future[None]] = set()
            try:
                for address in each:
                    jobs.add(pool.submit(self._one, address, bar))
                    if len(jobs) > 4 * self.limits.connections:
                        done, jobs = wait(jobs, return_when=FIRST_COMPLETED)
                        _raise(done)
                _raise(wait(jobs).done)
            finally:
                self._stop.set()
        for left in (self.folder / PARTS).iterdir():
            left.unlink()
        (self.folder / PARTS).rmdir()
        self.failures.sort()

    def _one(self, address: str, bar: tqdm) -> None:
        path, counted = self.folder / address_file(address), "fetched"
        try:
            if path.is_file():
                counted = "there"
            else:
                self._save(path, self._fetch(address))
            with self._lock:
                setattr(self, counted, getattr(self, counted) + 1)
        except (FetchError, OSError) as error:
            with self._lock:
                self.failures.append((address, " ".join(str(error).split())))
        finally:
            bar.update()

    def _save(self, path: Path, content: bytes) -> None:
        """Give the bytes their name: as a link to a file of the same bytes, if there is one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._lock:
            same = self._content.setdefault(sha256(content).hexdigest(), path)
            if same != path:
                try:
                    os.link(same, path)
                    return
                except OSError:
                    pass  # a file system without links, or the file has gone: a copy
            part = self.folder / PARTS / sha256(str(path).encode("utf-8", "replace")).hexdigest()
            part.write_bytes(content)
            part.replace(path)

    def _fetch(self, address: str) -> bytes:
        end = min(self._end, time.monotonic() + self.limits.seconds)
        for attempt in range(ATTEMPTS):
            try:
                return self._follow("https:" + address if address.startswith("//") else address, end)
            except BusyError as error:
                pause = 2.0**attempt / 2
                if attempt + 1 == ATTEMPTS or time.monotonic() + pause > end or self._stop.wait(pause):
                    raise FetchError(str(error)) from None
        raise AssertionError

    def _follow(self, address: str, end: float) -> bytes:
        for _ in range(REDIRECTS + 1):
            try:
                parts = urlsplit(address)
            except ValueError as error:
                raise FetchError(f"no address: {error}") from None
            with self._ask(parts, end) as answer:
                if answer.status not in (301, 302, 303, 307, 308):
                    return self._read(answer, end)
                address = urljoin(address, answer.getheader("Location") or "")
        raise FetchError(f"more than {REDIRECTS} redirects")

    @contextmanager
    def _ask(self, address: SplitResult, end: float) -> Iterator[http.client.HTTPResponse]:
        """Give the server's answer; whatever it does, it has ended when the time is over."""
        ip, port = resolve(address, self.limits.private)
        connection = _Connection(address, ip, port, self._context if address.scheme == "https" else None)
        timer = threading.Timer(max(end - time.monotonic(), 0), connection.cut)
        timer.start()
        try:
            target = quote(address.path or "/", safe="/%:@!$&'()*+,;=~-._")
            query = f"?{quote(address.query, safe='/%:@!$&()*+,;=~-._?')}" * bool(address.query)
            headers = {"User-Agent": "aisle", "Accept": "image/*", "Accept-Encoding": "identity"}
            connection.request("GET", target + query, headers=headers)
            yield connection.getresponse()
        except (OSError, http.client.HTTPException, ValueError) as error:
            if time.monotonic() >= end:
                raise FetchError(
                    f"took longer than {self.limits.seconds:g} seconds, or than all may"
                ) from None
            if isinstance(error, ssl.SSLCertVerificationError):
                raise FetchError(f"its certificate is not of that host: {error.verify_message}") from None
            raise BusyError(f"broke off: {error or type(error).__name__}") from None
        finally:
            timer.cancel()
            connection.close()

    def _late(self) -> str:
        limits = self.limits
        return f"took longer than {limits.seconds:g} seconds, or all longer than {limits.total_seconds:g}"

    def _read(self, answer: http.client.HTTPResponse, end: float) -> bytes:
        if answer.status != 200:
            error = BusyError if answer.status in BUSY else FetchError
            raise error(f"answered {answer.status} {answer.reason}")
        limit = int(self.limits.megabytes * 1e6)
        length = answer.getheader("Content-Length") or ""
        if length.isdecimal() and int(length[:20]) > limit:
            raise FetchError(f"larger than {self.limits.megabytes:g} MB")
        content = bytearray()
        while chunk := answer.read1(CHUNK):
            content += chunk
            with self._lock:
                self._left -= len(chunk)
            if self._left < 0:
                raise FetchError(f"all together are larger than {self.limits.total_megabytes:g} MB")
            if len(content) > limit:
                raise FetchError(f"larger than {self.limits.megabytes:g} MB")
            if self._stop.is_set() or (len(content) >= 12 and not is_picture(bytes(content[:12]))):
                break
        if self._stop.is_set() or time.monotonic() >= end:  # it was cut, and what came may be a part
            raise FetchError(self._late())
        if length.isdecimal() and len(content) < int(length[:20]) and is_picture(bytes(content[:12])):
            raise BusyError(f"broke off after {len(content):,} of {length} bytes")
        if not is_picture(bytes(content[:12])):
            kind = answer.getheader("Content-Type") or "nothing"
            raise FetchError(f"no picture in a format that is read; the server calls it {kind}")
        return bytes(content)


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    source = result.add_mutually_exclusive_group(required=True)
    source.add_argument("--table", metavar="PATH", help="table whose --column has the addresses")
    source.add_argument("--list", metavar="PATH", help="text file, an address a line")
    result.add_argument("--column", metavar="NAME", help="column of --table")
    result.add_argument("--output", required=True, metavar="FOLDER", help="where the pictures go")
    result.add_argument("--failures", metavar="CSV", help="what failed (default: FOLDER with .failures.csv)")
    for name, entry in Limits.model_fields.items():
        if name != "private":
            kind, text = (int if name == "connections" else float), f"at most (default: {entry.default:g})"
            result.add_argument(f"--{name.replace('_', '-')}", type=kind, default=entry.default, help=text)
    result.add_argument(
        "--allow-private", dest="private", action="store_true", help="addresses of private networks too"
    )
    return result


def listed(args: argparse.Namespace) -> list[str]:
    """Return the addresses of the table's column, or of the list.

    Raises
    ------
    AisleError
        If there is no such file or column, or it has no address.
    """
    if args.list:
        try:
            cells = Path(args.list).read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise AisleError(f"{args.list} must be a text file of addresses: {error}") from None
    else:
        table = read_source(args.table).table
        if args.column not in table:
            there = some([str(name) for name in table if not str(name).startswith("_")], 20)
            raise AisleError(f"--column must be one of {args.table}, {there}; it is {args.column!r}")
        cells = [str(cell) for cell in table[args.column]]
    found = [address for cell in cells for address in addresses(cell)]
    if not found:
        raise AisleError(
            f"{args.list or args.table} must have addresses that begin with http:// or https://; it has none"
        )
    return found


def main() -> None:
    """Fetch, say how much, write what failed."""
    arguments = parser()
    args = arguments.parse_args()
    if args.table and not args.column:
        arguments.error("--table needs --column")
    limits = Limits(**{name: getattr(args, name) for name in Limits.model_fields})
    output = Path(args.output)
    failures = Path(args.failures or f"{output}.failures.csv")
    downloader = Downloader(output, limits)
    wanted = listed(args)
    downloader.run(wanted)
    failures.parent.mkdir(parents=True, exist_ok=True)
    with failures.open("w", encoding="utf-8", newline="", errors="replace") as file:
        csv.writer(file, lineterminator="\n").writerows([("address", "reason"), *downloader.failures])
    print(
        f"{downloader.fetched:,} pictures fetched, {downloader.there:,} were there, "
        f"{len(downloader.failures):,} failed, see {failures}"
    )
    if not downloader.fetched + downloader.there:
        address, reason = downloader.failures[0]
        raise AisleError(
            f"of {len(wanted):,} addresses none gave a picture, the first is {address}: {reason}"
        )


if __name__ == "__main__":
    cli.run(main)
