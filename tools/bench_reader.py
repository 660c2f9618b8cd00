"""Compare the reader of delimited text with DuckDB's sniffer on tables of known content; write the shares.

Tables are drawn with a seed and written in the dialects that exports have, some with what goes wrong in them:
inch marks, quotes in TSV, commas at the end of lines, a broken record, cp1252, line breaks and delimiters
in fields. A table is right if every record that is well-formed is read as it was written, and each broken
one costs itself alone. `silent` is the share of tables that are read otherwise without a word: no error, no
rejected row.

  python tools/bench_reader.py
"""

import argparse
import csv
import io
import json
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Literal

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where this runs as a script

import duckdb

from aisle.catalogue.source import read_source
from aisle.pipeline import cli
from aisle.pipeline.errors import AisleError

RESULT = Path(__file__).resolve().parents[1] / "docs" / "benchmarks" / "reader.json"
WORDS = ["clock", "lamp", "café", "27", "steel", "3½", "Größe", "007", "NA", "1e5", "shelf,", "wide;", "|"]
Rows = list[list[str]]
HEADER = ["id", "title", "text", "price"]


def draw(rng: random.Random, count: int = 40) -> Rows:
    """Return rows of text as a shop has it."""

    def text(words: int) -> str:
        return " ".join(rng.choice(WORDS) for _ in range(words))

    return [[f"{i:04}", text(3), text(8), f"{rng.randrange(1, 900)}.50"] for i in range(count)]


def write(
    rows: Rows, delimiter: str = ",", quoting: Literal[0, 1] = csv.QUOTE_MINIMAL, end: str = "\n"
) -> str:
    """Return rows as a writer writes them."""
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter, quoting=quoting, lineterminator=end).writerows([HEADER, *rows])
    return file.getvalue()


def bare(rows: Rows, delimiter: str) -> str:
    """Return rows joined without quotes; the delimiter in a field becomes a space."""
    clean = [[field.replace(delimiter, " ") for field in row] for row in rows]
    return "\n".join(delimiter.join(row) for row in [HEADER, *clean]) + "\n"


def kinds(rng: random.Random) -> dict[str, tuple[str, bytes, Rows]]:
    """Return for each kind of file its suffix, its bytes and the well-formed rows that must be read."""
    rows, result = draw(rng), dict[str, tuple[str, bytes, Rows]]()
    for name, delimiter in (("comma", ","), ("semicolon", ";"), ("bar", "|")):
        result[name] = ".csv", write(rows, delimiter).encode(), rows
    result["tab"] = ".tsv", bare(rows, "\t").encode(), rows
    result["quoted"] = ".csv", write(rows, ",", csv.QUOTE_ALL, "\r\n").encode(), rows
    broken_lines = [[*row[:2], f"{row[2]}\n{row[2]}, more", row[3]] for row in rows]
    result["line breaks"] = ".csv", write(broken_lines).encode(), broken_lines
    result["cp1252"] = ".csv", write(rows).encode("cp1252"), rows
    inch = [
        [a, f'"{b}' if i % 9 == 0 else f'{b} 10"' if i % 9 == 1 else b, c, d]
        for i, (a, b, c, d) in enumerate(rows)
    ]
    clean = [[field.replace(",", " ") for field in row] for row in inch]
    result["inch marks"] = ".csv", bare(inch, ",").encode(), clean
    result["inch marks in TSV"] = ".tsv", bare(inch, "\t").encode(), inch
    lines = write(rows).splitlines()
    result["commas at the end"] = (
        ".csv",
        "\n".join([lines[0], *(f"{line}," for line in lines[1:])]).encode(),
        rows,
    )
    place = rng.randrange(2, len(lines))
    extra = [*lines[:place], f"{lines[place]},one,more", *lines[place + 1 :]]
    result["a record too long"] = ".csv", "\n".join(extra).encode(), rows[: place - 1] + rows[place:]
    opened = [*lines[:place], '9999,"never closed,x,1.00', *lines[place:]]
    result["a quote never closed"] = ".csv", "\n".join(opened).encode(), rows
    return result


def aisle(path: Path) -> tuple[Rows, bool]:
    """Return the well-formed rows, and whether anything was told."""
    records = read_source(path)
    good = records.table.drop(index=list(records.problems))
    return good.to_numpy().tolist(), bool(records.problems)


def sniffed(path: Path) -> tuple[Rows, bool]:
    """Return what DuckDB reads by its sniffer, and whether it rejected a row."""
    with duckdb.connect() as connection:
        options = "all_varchar = true, store_rejects = true, header = true"
        rows = connection.execute(f"SELECT * FROM read_csv(?, {options})", [str(path)]).fetchall()
        rejected = connection.execute("SELECT count(*) FROM reject_errors").fetchone()
    return [["" if value is None else value for value in row] for row in rows], bool(rejected and rejected[0])


def judge(read: Callable[[Path], tuple[Rows, bool]], path: Path, rows: Rows) -> str:
    """Return `right`, `told` (wrong or refused, in words) or `silent`."""
    try:
        found, told = read(path)
    except (AisleError, duckdb.Error):
        return "told"
    return "right" if found == rows else "told" if told else "silent"


def main() -> None:
    """Draw, write, read, compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tables", type=int, default=30, help="of each kind (%(default)s)")
    parser.add_argument("--rows", type=int, default=100_000, help="of the timed table (%(default)s)")
    parser.add_argument("--json", type=Path, default=RESULT, help="result (%(default)s)")
    args = parser.parse_args()
    readers = {"aisle": aisle, "duckdb": sniffed}
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(args.tables):
            for kind, (suffix, content, rows) in kinds(random.Random(seed)).items():
                path = Path(folder, f"table{suffix}")
                path.write_bytes(content)
                for name, read in readers.items():
                    counts[f"{name}: {kind}"][judge(read, path, rows)] += 1
        path = Path(folder, "large.csv")
        path.write_text(write(draw(random.Random(0), args.rows)), encoding="utf-8")
        seconds = {}
        for name, read in readers.items():
            started = time.perf_counter()
            read(path)
            seconds[name] = round(time.perf_counter() - started, 2)
    n = args.tables * len(counts) / len(readers)
    result = {
        f"{name}_{outcome}": round(
            sum(each[outcome] for kind, each in counts.items() if kind.startswith(name)) / n, 4
        )
        for name in readers
        for outcome in ("right", "told", "silent")
    } | {f"{name}_seconds": value for name, value in seconds.items()}
    for kind, outcomes in sorted(counts.items()):
        print(kind, dict(outcomes))
    args.json.write_text(
        json.dumps(result | {"rows": args.rows, "tables": n}, indent=2) + "\n", encoding="utf-8"
    )
    print(json.dumps(result))


if __name__ == "__main__":
    cli.run(main)
