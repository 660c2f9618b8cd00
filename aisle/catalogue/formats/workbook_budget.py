"""How large a workbook's sheets are, known before they are read.

A workbook of a few kilobytes can name a cell in the last row and column, with 17 thousand million between it
and the others; calamine makes a table of all of them, and ends the process where memory does. Sheets of .xls
are bounded by their format.
"""

import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from aisle.catalogue.formats.opening import BROKEN, most_bytes, too_much
from aisle.pipeline.errors import AisleError

MOST_CELLS = 20_000_000
"""Of a sheet, filled or not: 32 bytes each in calamine."""
PER_CELL = 20
"""Cells that a sheet may have for each that is filled, where these are many."""
_CHUNK = 2**22
_REFERENCE = re.compile(rb"\sr\s*=\s*[\"']([A-Z]{0,3})([0-9]{1,7})[\"']")
"""Of a row or a cell of .xlsx."""
_TAG = re.compile(rb"<(/?)(?:[\w.-]+:)?(table-row|(?:covered-)?table-cell|table)\b([^>]*)>")
_TIMES = re.compile(rb"number-(?:columns|rows)-repeated\s*=\s*[\"']([0-9]{1,9})[\"']")
"""Of a row or a cell of .ods."""
_CELLS = range(1, 12)
"""Records of .xlsb that are a cell; 0 begins a row."""


def check(path: Path, content: bytes) -> None:
    """See that a workbook can be read.

    Raises
    ------
    AisleError
        If it unpacks to more than it may, or a sheet has too many cells for what is in it.
    """
    left = most_bytes(len(content))
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            for entry in packed.infolist():
                with packed.open(entry) as file:
                    kind = _SIZES.get(Path(entry.filename).suffix.lower(), _none)
                    counted = _Counted(iter(lambda file=file: file.read(_CHUNK), b""), left, path)  # type: ignore[misc]
                    cells, filled = kind(counted)
                    left = counted.left
                if cells > max(MOST_CELLS, PER_CELL * filled):
                    raise AisleError(
                        f"{path} must have sheets of at most {MOST_CELLS:,} cells; {entry.filename} in it "
                        f"has {cells:,}, of which {filled:,} are filled. Delete what stands far away."
                    )
    except (*BROKEN, RuntimeError):  # what is wrong is said by who reads it
        return


class _Counted:
    """The chunks of an entry, which end in an error where there are too many."""

    def __init__(self, chunks: Iterator[bytes], left: int, path: Path) -> None:
        self._chunks, self.left, self._path = chunks, left, path

    def __iter__(self) -> Iterator[bytes]:
        """Yield them."""
        for chunk in self._chunks:
            self.left -= len(chunk)
            if self.left < 0:
                raise too_much(self._path)
            yield chunk


def _none(chunks: Iterable[bytes]) -> tuple[int, int]:
    for _ in chunks:
        pass
    return 0, 0


def _tags(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the bytes in parts that end where a tag ends."""
    tail = b""
    for chunk in chunks:
        head, mark, tail = (tail + chunk).rpartition(b">")
        yield head + mark
        tail = tail[-_CHUNK:]  # a text without end has no tag


def _xml(chunks: Iterable[bytes]) -> tuple[int, int]:
    """Return how many cells the largest rectangle has, and how many are written."""
    rows = columns = filled = 0
    width = height = place = largest = 0  # of .ods
    for part in _tags(chunks):
        for letters, digits in _REFERENCE.findall(part):
            rows, filled = max(rows, int(digits)), filled + bool(letters)
            columns = max(columns, _number(letters))
        for end, name, attributes in _TAG.findall(part):
            found = _TIMES.search(attributes)
            count = int(found[1]) if found else 1
            if name == b"table" and not end:
                width = height = 0
            elif name == b"table-row" and not end:
                place, height = 0, height + count
            elif name.endswith(b"cell") and not end:
                place += count
                if b"value" in attributes or not attributes.endswith(b"/"):
                    filled, width = filled + 1, max(width, place)
                    largest = max(largest, width * height)
    return max(rows * columns, largest), filled


def _number(letters: bytes) -> int:
    """Return the number of a column, such as 28 of AB."""
    number = 0
    for letter in letters:
        number = 26 * number + letter - 64
    return number


def _binary(chunks: Iterable[bytes]) -> tuple[int, int]:
    """Return the same of a sheet of .xlsb: records of a kind, a length and what they hold."""
    data, place, rows, columns, filled = b"".join(chunks), 0, 0, 0, 0

    def variable(most: int) -> int:
        nonlocal place
        value = 0
        for shift in range(most):
            byte = data[place]
            place += 1
            value |= (byte & 127) << (7 * shift)
            if byte < 128:
                break
        return value

    while place < len(data) - 5:
        kind, length = variable(2), variable(4)
        first = int.from_bytes(data[place : place + 4], "little")
        if kind == 0:
            rows = max(rows, first + 1)
        elif kind in _CELLS:
            columns, filled = max(columns, first + 1), filled + 1
        place += length
    return rows * columns, filled


_SIZES = {".xml": _xml, ".bin": _binary}
