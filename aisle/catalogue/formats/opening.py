"""Open a table's file: unpacked where it is packed, decoded where it is text."""

import bz2
import codecs
import gzip
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from aisle.pipeline.errors import AisleError, some

PACKED = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
BROKEN = (EOFError, OSError, lzma.LZMAError, zipfile.BadZipFile, zlib.error)
"""What the openers raise for a file that is cut or is not what its name says."""
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_CHUNK = 2**20
MOST_TIMES, MOST_BYTES = 200, 2**28
"""A packed file may unpack to so many times its size, and so many bytes on top. Tables shrink to a fifth or a
twentieth; a few kilobytes that stand for gigabytes are none."""
_BEYOND_ASCII = re.compile(r"\w{0,20}[^\x00-\x7f]\w{0,20}")
_SAMPLE = 2**18
"""Bytes of lines with letters beyond ASCII that an encoding is guessed from."""


def suffix(path: Path) -> str:
    """Return what kind of table a file's name says, such as `.csv` for `products.csv.gz`."""
    if path.suffix.lower() == ".zip" and path.is_file():
        return Path(_member(path)).suffix.lower()
    return Path(path.stem if path.suffix.lower() in PACKED else path.name).suffix.lower()


def _member(path: Path) -> str:
    """Return the name of the one table in a zip."""
    try:
        with zipfile.ZipFile(path) as packed:
            names = [
                info.filename
                for info in packed.infolist()
                if not info.is_dir() and not info.filename.startswith("__MACOSX/")
            ]
    except BROKEN as error:
        raise AisleError(f"{path} must be a zip file: {error}") from None
    if len(names) != 1:
        raise AisleError(f"{path} must hold one table; it holds {some(names) or 'nothing'}. Unpack it.")
    return names[0]


class _Bounded(io.RawIOBase):
    """The unpacked bytes of a file, which end in an error where they are more than it may have."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self._file, self._path = file, path
        self._left = most_bytes(path.stat().st_size)

    def readable(self) -> bool:
        """Return True: nothing else can be done with it."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read as many bytes as there is room for, at most."""
        data = self._file.read(len(buffer))
        self._left -= len(data)
        if self._left < 0:
            raise too_much(self._path)
        buffer[: len(data)] = data
        return len(data)


def most_bytes(packed: int) -> int:
    """Return what a file of so many bytes may unpack to."""
    return MOST_TIMES * packed + MOST_BYTES


def too_much(path: Path) -> AisleError:
    """Return the error of a file that unpacks to more."""
    return AisleError(
        f"{path} must unpack to at most {most_bytes(path.stat().st_size) // 2**20:,} MiB "
        f"({MOST_TIMES} times its size, and {MOST_BYTES // 2**20}); it unpacks to more. Is it a table? Then "
        "give it unpacked."
    )


def _open_member(packed: zipfile.ZipFile, path: Path) -> IO[bytes]:
    try:
        return packed.open(_member(path))
    except RuntimeError as error:  # encrypted; NotImplementedError, of a method that Python has not, is one
        raise AisleError(f"{path} must be a zip that can be unpacked here: {error}. Unpack it.") from None


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file to read its bytes, unpacked; what breaks while it is read is an AisleError too."""
    kind = path.suffix.lower()
    try:
        if kind == ".zip":
            with zipfile.ZipFile(path) as packed, _open_member(packed, path) as file:
                yield io.BufferedReader(_Bounded(file, path), _CHUNK)
        elif kind in PACKED:
            with PACKED[kind](path, "rb") as file:  # type: ignore[operator]
                yield io.BufferedReader(_Bounded(file, path), _CHUNK)
        else:
            with path.open("rb") as file:
                yield file
    except FileNotFoundError:
        raise AisleError(f"{path} must be a table of products; there is no such file") from None
    except BROKEN as error:
        raise AisleError(f"{path} must be a whole {kind[1:]} file; it is cut or damaged: {error}") from None


def find_encoding(path: Path) -> str:
    """Return the encoding of a text: by its byte order mark, UTF-8 if all of it is, else the likeliest.

    Windows' Western one goes before others that fit, for it is what a spreadsheet writes that is not told
    otherwise. UTF-16 without a mark is known by its zero bytes.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    utf8, sample, start = True, bytearray(), b""
    with opened(path) as file:
        for chunk in iter(lambda: file.read(_CHUNK), b""):
            start = start or chunk
            if utf8:
                try:
                    decoder.decode(chunk)
                except UnicodeDecodeError:
                    utf8 = False
            if len(sample) < _SAMPLE and not chunk.isascii():
                sample += b"\n".join(line for line in chunk.splitlines() if not line.isascii())
    for mark, name in _MARKS.items():
        if start.startswith(mark):
            return name
    if b"\0" in start[:64]:
        for name, zeros in (("utf-16-le", start[1:64:2]), ("utf-16-be", start[0:64:2])):
            if zeros and zeros.count(0) > len(zeros) / 2:
                return name
    if utf8:
        try:
            decoder.decode(b"", final=True)
            return "utf-8"
        except UnicodeDecodeError:
            pass  # cut inside a character: it is not UTF-8, and is guessed as other texts are
    return _likeliest(bytes(sample[:_SAMPLE]))


def guess(encoding: str, texts: Iterable[str]) -> dict[str, str]:
    """Return what people should see of an encoding that was guessed, to judge it: a word that it makes.

    Empty for encodings that a text proves, as those of Unicode, and where every character is ASCII.
    """
    if encoding.startswith("utf"):
        return {}
    found = next((match for text in texts if (match := _BEYOND_ASCII.search(text))), None)
    return {"guessed, which makes": f"{found[0][:30]!r} (catalogue.format.encoding)"} if found else {}


def _likeliest(sample: bytes) -> str:
    from charset_normalizer import from_bytes

    best = from_bytes(sample).best()
    western = from_bytes(sample, cp_isolation=["cp1252"]).best()
    if western and (best is None or western.chaos <= best.chaos):
        return "cp1252"
    return best.encoding if best else "cp1252"


@contextmanager
def opened_text(path: Path, encoding: str, newline: str = "") -> Iterator[IO[str]]:
    """Open a file to read its text; line ends stay as they are.

    Parameters
    ----------
    path, encoding
        The file and what it is written in.
    newline
        What ends a line, "" for whatever does in some system.

    Raises
    ------
    AisleError
        If there is no such encoding, or the text is not in it: names the place.
    """
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise AisleError(
            f"catalogue.format.encoding must be one that Python knows, not {encoding!r}"
        ) from None
    with opened(path) as raw:
        try:
            with io.TextIOWrapper(raw, encoding=encoding, newline=newline) as file:
                yield file
        except UnicodeDecodeError as error:
            raise AisleError(
                f"{path} must be text in {encoding}; it is not, at {error.object[error.start : error.end]!r} "
                f"({error.reason}). Set catalogue.format.encoding."
            ) from None
