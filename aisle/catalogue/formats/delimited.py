"""Text in columns (CSV, TSV): the dialect is found or said, and a broken record costs that record.

The dialect is the one under which the records agree with the header: Python's `csv` reads, and what it
cannot read is one line refused, after which it goes on with the next. Quotes are characters in TSV, as
spreadsheets' and feeds' writers have it, and in a CSV whose lines are all whole records without quoting
while with it some swallow their neighbours: inch marks. docs/decisions/0020-one-reader.md compares this with
DuckDB's sniffer.
"""

import csv
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import pandas as pd

from aisle.catalogue.formats.opening import find_encoding, guess, opened_text
from aisle.catalogue.formats.records import FormatParams, Records, check_names
from aisle.pipeline.errors import AisleError

DELIMITERS = (",", ";", "\t", "|")
MAX_FIELD = 2**24
"""Characters of one field; a longer one costs its row."""
MAX_LINES = 5000
"""Lines of one record: a quote that is still open then is none."""
MAX_BROKEN = 1000
"""Records whose quotes do not match, before the quoting itself is taken to be wrong."""
_SAMPLE = 1000
"""Lines that a delimiter is found from."""
_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", " ": "space"}


@dataclass
class _Parsed:
    """A file's records under one dialect: the line of each, its fields, and what is wrong with some.

    `several_lines` counts the records of several lines; `several` has those whose lines, without quoting,
    have as many fields each as the header.
    """

    header: list[str]
    lines: list[int] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    problems: dict[int, str] = field(default_factory=dict)
    several_lines: int = 0
    several: dict[int, list[list[str]]] = field(default_factory=dict)


class _Lines:
    """Lines that can be given back: after a record that is broken, all but its first are read anew."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._again: deque[str] = deque()
        self.taken: list[str] = []
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if len(self.taken) >= MAX_LINES:
            raise csv.Error(f"its quotes are still open after {MAX_LINES} lines")
        line = self._again.popleft() if self._again else next(self._lines)
        self.number += 1
        self.taken.append(line)
        return line

    def keep_first(self) -> str:
        """Return the record's first line; the others will come again."""
        self._again.extendleft(reversed(self.taken[1:]))
        self.number -= len(self.taken) - 1
        return self.taken[0]


def _reader(lines: Iterable[str], delimiter: str, quote: str, skip_space: bool) -> Iterator[list[str]]:
    return csv.reader(
        lines,
        delimiter=delimiter,
        quotechar=quote or None,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        strict=True,
        skipinitialspace=skip_space,
    )


def _unquoted(line: str, delimiter: str) -> list[str]:
    return line.rstrip("\r\n").split(delimiter)


def _parse(file: Iterable[str], path: Path, delimiter: str, quote: str, sure: bool) -> _Parsed:
    """Read every record; one that is broken is a problem, and its fields are those without quoting.

    Unless `sure` of the quotes, a field that may have swallowed whole rows is a problem too.
    """
    csv.field_size_limit(MAX_FIELD)
    lines, broken = _Lines(file), 0
    parsed: _Parsed | None = None
    skip_space = False
    reader = _reader(lines, delimiter, quote, skip_space)
    while True:
        lines.taken = []
        line = lines.number + 1
        try:
            row, problem = next(reader), ""
        except StopIteration:
            break
        except csv.Error as error:
            row, problem = _unquoted(lines.keep_first(), delimiter), f"it cannot be read: {error}"
            reader = _reader(lines, delimiter, quote, skip_space)
            broken += 1
            if broken > MAX_BROKEN:
                raise AisleError(
                    f"{path} must have quotes that match; more than {MAX_BROKEN} records, the last on line "
                    f'{line}, have not. If they are inch marks set catalogue.format.quote: "" (none).'
                ) from None
        if not row or (line == 1 and row[0].lower().startswith("sep=") and len(lines.taken[0]) < 8):
            continue  # an empty line is no record; Excel's `sep=;` neither
        if parsed is None:
            parsed = _Parsed([name.strip() for name in row])
            if skip_space := len(row) > 1 and all(name.startswith(" ") for name in row[1:]):
                reader = _reader(lines, delimiter, quote, skip_space)
            continue
        width = len(parsed.header)
        while len(row) > width and not row[-1].strip():  # commas at the end of a line are no fields
            row.pop()
        if not problem and len(row) != width:
            problem = f"{len(row)} fields, but the header has {width}"
        if not problem and len(lines.taken) > 1:
            apart = [_unquoted(each, delimiter) for each in lines.taken]
            if {len(fields) for fields in apart} == {width} and width > 1:
                parsed.several[line] = apart
            parsed.several_lines += 1
        if problem:
            parsed.problems[line] = problem
        parsed.lines.append(line)
        parsed.rows.append((row + [""] * width)[:width])
    if parsed is None:
        raise AisleError(f"{path} must have a header line; the file is empty")
    if not sure:
        parsed.problems |= _swallowed(parsed)
    return parsed


def _swallowed(parsed: _Parsed) -> dict[int, str]:
    """Return the records that have swallowed rows: each of their lines, by itself, looks as other rows do.

    A description of several lines may part into as many fields by chance; they are then not what the columns
    hold, such as a text where all others have a number.
    """
    if not parsed.several:
        return {}
    both = zip(parsed.lines, parsed.rows, strict=True)
    single = [row for line, row in both if line not in parsed.several]
    shapes = [_shape(column) for column in zip(*single, strict=True)] if single else []
    return {
        line: f"a quoted field runs from line {line} to {line + len(apart) - 1}, and each is a row "
        "by itself: an inch mark taken for a quote? Say which by catalogue.format.quote"
        for line, apart in parsed.several.items()
        if all(
            shape is None or _signs(field) <= shape
            for fields in apart
            for field, shape in zip(fields, shapes, strict=False)
        )
    }


def _signs(text: str) -> frozenset[str]:
    """Return the kinds of characters of a text: digits, letters, and each other sign itself."""
    return frozenset("9" if sign.isdigit() else "a" if sign.isalpha() else sign for sign in text.strip())


def _shape(column: Sequence[str]) -> frozenset[str] | None:
    """Return the kinds of characters of nearly all of a column's fields; None of words, which have spaces."""
    (signs, count), *_ = Counter(map(_signs, column)).most_common(1)
    return signs if count >= 0.9 * len(column) and " " not in signs else None


def find_delimiter(sample: list[str], quote: str = '"') -> str:
    """Return the delimiter under which most records have as many fields as the header, two at least.

    Parameters
    ----------
    sample
        The file's first lines.
    quote
        "" if there is none.
    """
    if sample and sample[0].lower().startswith("sep=") and len(sample[0].strip()) == 5:
        return sample[0].strip()[4]

    def agreement(delimiter: str) -> tuple[float, int]:
        best = (0.0, 0)
        for mark in {quote, ""}:
            rows: list[list[str]] = []
            with suppress(csv.Error):  # the sample ends inside a record
                rows.extend(_reader(sample, delimiter, mark, False))
            rows = [row for row in rows if row]
            width = len(rows[0]) if rows else 0
            if width > 1:
                best = max(best, (sum(len(row) == width for row in rows) / len(rows), width))
        return best

    return max(DELIMITERS, key=lambda each: agreement(each))


def read(path: Path, params: FormatParams) -> Records:
    """Read delimited text; see the module's docstring.

    Parameters
    ----------
    path
        The file; its name says whether it is TSV.
    params
        What is known of the format: delimiter, quote ("" for none), encoding.

    Raises
    ------
    AisleError
        If it is empty, is not in the encoding, or its quotes make no sense.
    """
    encoding = params.encoding or find_encoding(path)
    with opened_text(path, encoding) as file:
        sample = list(islice(file, _SAMPLE))
    newline = "\n" if any("\n" in line for line in sample) else "\r"  # the other one is then a character
    delimiter = params.delimiter or find_delimiter(sample)
    first = params.quote if params.quote is not None else "" if delimiter == "\t" else '"'

    def parse(quote: str) -> _Parsed:
        with opened_text(path, encoding, newline) as file:
            return _parse(file, path, delimiter, quote, sure=params.quote is not None)

    quote = first
    try:
        parsed = parse(quote)
        doubtful = bool(parsed.problems) or (bool(quote) and parsed.several_lines > 0)
    except AisleError:
        if params.quote is not None:
            raise
        parsed, doubtful = _Parsed([]), True
    if doubtful and params.quote is None:
        other = "" if first else '"'
        try:
            otherwise = parse(other)
            better = not otherwise.problems or not parsed.header
        except AisleError:
            if not parsed.header:
                raise
            better = False
        if better:
            parsed, quote = otherwise, other
    check_names(parsed.header, str(path))
    index = pd.Index(parsed.lines, name="line", dtype=int)
    table = pd.DataFrame(parsed.rows, columns=parsed.header, index=index, dtype=object)
    detected = {
        "format": "TSV" if delimiter == "\t" else "CSV",
        "encoding": "utf-8" if encoding == "utf-8-sig" else encoding,
        **({} if params.encoding else guess(encoding, (cell for row in parsed.rows for cell in row))),
        "delimiter": _NAMES.get(delimiter, delimiter),
        "quote": quote or "none",
    }
    return Records(table, parsed.problems, detected)
