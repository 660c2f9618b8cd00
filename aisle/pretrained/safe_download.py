"""Get one file over HTTP and nothing else: bounds on its size, its kind, its origin and the time it takes.

An address in params may be someone else's, and a server may send what it likes or send one on to elsewhere.
"""

import ipaddress
import socket
import time
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests
from tqdm import tqdm

TIMEOUT = 30  # seconds without a byte
CHUNK = 1 << 20  # bytes
REDIRECTS = 10
SLACK = 0.1
"""Share by which a file may be larger or smaller than weights.yaml says, which rounds."""
MARGIN = 0.2e6
"""Bytes, beside `SLACK`: of small files the rounding is more than a share."""
UNSTATED = 10
"""Megabytes that a file may have, of which weights.yaml says no size: a vocabulary, a configuration."""
SLOWEST = 50_000
"""Bytes a second, over all of a download, below which it is given up; with ten minutes on top."""
GRACE = 600  # seconds


class RefusedError(Exception):
    """Why a file was not taken, in words; to try again would not help."""


def get(url: str, part: Path, label: str, megabytes: float) -> None:
    """Download a file, or what is lacking of it, to `part`.

    Parameters
    ----------
    url
        Its address.
    part
        Where to; what is there already is its beginning.
    label
        For the progress bar.
    megabytes
        Its size as weights.yaml says it, 0 if it says none.

    Raises
    ------
    RefusedError
        If it is larger or smaller than said, is a page of HTML, takes too long, or an address sends on to a
        private one or to another kind of one.
    requests.RequestException, OSError
        If it could not be had, this time.
    """
    least, most = bounds(megabytes)
    have = part.stat().st_size if part.is_file() else 0
    ends = time.monotonic() + GRACE + most / SLOWEST
    with _answer(url, have) as answer:
        if answer.status_code == requests.codes.requested_range_not_satisfiable:
            part.unlink()
            raise requests.ConnectionError(f"the {have:,} bytes already here are no beginning of it")
        answer.raise_for_status()
        resumed = answer.status_code == requests.codes.partial_content
        length = int(answer.headers.get("Content-Length") or 0)
        have = have if resumed else 0
        if "html" in answer.headers.get("Content-Type", "").lower():
            raise RefusedError("it is a page of HTML, such as one to log in or to accept a licence")
        if have + length > most:
            raise RefusedError(_size(have + length, megabytes))
        bar = tqdm(
            desc=label, total=have + length or None, initial=have, unit="B", unit_scale=True, disable=None
        )
        with bar, part.open("ab" if resumed else "wb") as file:
            for chunk in answer.iter_content(CHUNK):
                if not have and chunk.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html")):
                    raise RefusedError("it is a page of HTML, such as one to log in or to accept a licence")
                have += len(chunk)
                if have > most:
                    raise RefusedError(_size(have, megabytes))
                if time.monotonic() > ends:
                    raise RefusedError(
                        f"after {GRACE + most / SLOWEST:,.0f} seconds there are {have:,} bytes of it"
                    )
                file.write(chunk)
                bar.update(len(chunk))
    if have < least:
        raise RefusedError(_size(have, megabytes))


def bounds(megabytes: float) -> tuple[float, float]:
    """Return the fewest and the most bytes of a file of a stated size."""
    if not megabytes:
        return 0, UNSTATED * 1e6
    return megabytes * 1e6 * (1 - SLACK) - MARGIN, megabytes * 1e6 * (1 + SLACK) + MARGIN


def _size(found: int, megabytes: float) -> str:
    said = f"{megabytes:g} MB" if megabytes else f"no size, hence {UNSTATED} MB at most"
    return f"it has {found:,} bytes or more, and weights.yaml says {said} (`megabytes`)"


def _answer(url: str, have: int) -> requests.Response:
    """Return the answer of an address or of where it sends on to, opened."""
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    here = url
    for _ in range(REDIRECTS):
        check_address(here, url)
        answer = requests.get(here, headers=headers, stream=True, timeout=TIMEOUT, allow_redirects=False)
        if not answer.is_redirect:
            return answer
        answer.close()
        here = urljoin(here, answer.headers["Location"])
    raise RefusedError(f"it is sent on more than {REDIRECTS} times")


def check_address(here: str, first: str) -> None:
    """See that an address may be asked, to which the first one sent on (or which it is).

    Raises
    ------
    RefusedError
        If it is not HTTPS (or HTTP, where the first one is), or leads into the own network from outside.
    """
    parts, origin = urlsplit(here), urlsplit(first)
    allowed = {"https", "http"} if origin.scheme == "http" else {"https"}
    if parts.scheme not in allowed or not parts.hostname:
        raise RefusedError(f"it is sent on to {here[:200]}, which must be {' or '.join(sorted(allowed))}")
    if parts.hostname == origin.hostname:  # where people who wrote the address wanted to go
        return
    if _is_private(parts.hostname) and not _is_private(origin.hostname or ""):
        raise RefusedError(f"it is sent on to {here[:200]}, an address of the own network")


def _is_private(host: str) -> bool:
    try:
        found = {str(each[4][0]).partition("%")[0] for each in socket.getaddrinfo(host, None)}
    except OSError:  # a proxy may know it
        return bool(host) and "." not in host
    return any(not ipaddress.ip_address(each).is_global for each in found)
