"""Find a product's picture in the catalogue's folder, by a name as shops write it."""

import os
import re
import unicodedata
from collections import defaultdict
from functools import cached_property
from hashlib import sha256
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from aisle.pipeline.errors import some

_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
_UNSAFE = re.compile(r'[\x00-\x1f<>:"/\\|?*]')
LONGEST_NAME = 120
"""Characters of a segment of a path that `address_file` gives; a file system allows 255 bytes."""


def picture_file(folder: Path, name: str | None) -> Path | None:
    """Return the picture's path if `name` is a file inside `folder` (never outside of it), else None."""
    if not name:
        return None
    try:
        path = (folder / name).resolve()
        return path if path.is_relative_to(folder.resolve()) and path.is_file() else None
    except (OSError, ValueError, RuntimeError):  # no file has it: too long, a null byte, links in a circle
        return None


def unusable(folder: Path, limit: int = 5) -> list[str]:
    """Return files of a folder that DVC cannot digest, at most `limit`.

    They are links that lead nowhere, and names in another encoding than UTF-8, written in ASCII.
    """
    found: list[str] = []
    for place, _, files in os.walk(folder):
        for name in files:
            path = Path(place, name)
            if name != name.encode("utf-8", "replace").decode():
                found.append(ascii(str(path)))
            elif path.is_symlink() and not os.path.exists(path):  # a circle is an error to pathlib
                found.append(str(path))
            if len(found) == limit:
                return found
    return found


def address_file(address: str) -> str:
    """Return where in a folder a picture of an address is kept: host, path; a digest of what is asked for.

    `PictureFolder` finds it there by its address.
    """
    host, path, query = _parts(address.strip())
    segments = [host, *(unquote(segment) for segment in path.split("/"))]
    safe = [_UNSAFE.sub("_", segment) for segment in segments if segment not in ("", ".", "..")]
    safe += ["_"] * (len(safe) < 2)  # a host alone must not take the place of its folder
    file = PurePosixPath(*(_bounded(segment) for segment in safe))
    if query:
        digest = sha256(query.encode("utf-8", "replace")).hexdigest()[:12]
        file = file.with_name(f"{file.stem}-{digest}{file.suffix}")
    return str(file)


def _parts(address: str) -> tuple[str, str, str]:
    """Return host, path and query; a malformed address is a path."""
    try:
        parts = urlsplit(address)
        return parts.hostname or "", parts.path, parts.query
    except ValueError:
        return "", address, ""


def _bounded(segment: str) -> str:
    if len(segment) <= LONGEST_NAME:
        return segment
    digest, end = sha256(segment.encode("utf-8", "replace")).hexdigest()[:12], PurePosixPath(segment).suffix
    return f"{segment[: LONGEST_NAME - 30]}-{digest}{end[:10]}"


class PictureFolder:
    """A folder of pictures, in which a picture is found by a name that need not be exact.

    A file of exactly that name comes first. Else names are compared without upper and lower case, in one
    Unicode form, with `%20` and backslashes undone, by their ends: a name or an address stands for the file
    that has the most of its last segments, with its extension or without. If several fit as well, none does.

    Parameters
    ----------
    path
        The folder. Its names are read when one is first looked for that is not there exactly.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def names(self) -> list[str]:
        """Return the names of all files below the folder, sorted; of no folder that is a link or hidden."""
        found = []
        for folder, folders, files in os.walk(self.path):
            folders[:] = [name for name in folders if not name.startswith(".")]
            inner = Path(folder).relative_to(self.path)
            found += [(inner / file).as_posix() for file in files]
        return sorted(found)

    @cached_property
    def _by_end(self) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """Return the files by their last segment, with and without its extension."""
        whole, stem = defaultdict(list), defaultdict(list)
        for name in self.names:
            last = _tolerant(name)[-1:] or [""]
            whole[last[0]].append(name)
            stem[PurePosixPath(last[0]).stem].append(name)
        return whole, stem

    def find(self, name: str | None) -> tuple[Path | None, str | None]:
        """Return the file that a name stands for, or what is wrong, in words."""
        if not name or not name.strip():
            return None, "no picture named"
        name = name.strip()
        is_address = _ADDRESS.match(name) is not None
        kept = address_file(name) if is_address else None
        if exact := picture_file(self.path, name) or picture_file(self.path, kept):
            return exact, None
        for wanted in _readings(name, is_address):
            for files in self._by_end:
                fitting = _best(wanted, files.get(wanted[-1], []))
                inside = [file for each in fitting if (file := picture_file(self.path, each))]
                if len(inside) == 1:
                    return inside[0], None
                if inside:
                    return None, f"several files fit: {some(fitting)}"
        return None, "file missing"


def _readings(name: str, is_address: bool) -> list[list[str]]:
    """Return the segments of a name, and those without what follows a question mark."""
    if is_address:
        host, path, _ = _parts(name)
        names = [f"{host}/{path}"]
    else:
        names = list(dict.fromkeys([name, name.partition("?")[0]]))
    return [segments for each in names if (segments := _tolerant(each))]


def _tolerant(name: str) -> list[str]:
    """Return the segments of a path, so that spellings of the same are equal."""
    name = unquote(unquote(name)).replace("\\", "/")
    name = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
    return [segment.strip() for segment in name.split("/") if segment.strip() not in ("", ".", "..")]


def _best(wanted: list[str], files: list[str]) -> list[str]:
    """Return the files that have the most of the last segments wanted; of these the one of just that path."""

    def fit(file: str) -> tuple[int, bool]:
        segments, common = _tolerant(file), 0
        for one, other in zip(reversed(wanted[:-1]), reversed(segments[:-1]), strict=False):
            if one != other:
                break
            common += 1
        return common, len(segments) == len(wanted) == common + 1

    if len(files) < 2:
        return files
    fits = {file: fit(file) for file in files}
    return [file for file in files if fits[file] == max(fits.values())]
