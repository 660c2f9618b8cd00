"""Run the pipeline from cold in a temporary clone and print, for each stage, its time and its import time.

Import time is what Python itself reports (`-X importtime`), lazy imports included; the measurement makes it a
little longer. The clone is of the last commit, with an empty DVC cache.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from tabulate import tabulate

ROOT = Path(__file__).resolve().parent.parent
STAGE = re.compile(r"Running stage '(.+)':")
IMPORT = re.compile(r"import time:\s+(\d+) \|\s+\d+ \| ")


def clone(target: Path) -> None:
    """Clone the repository's last commit, with a DVC cache of its own."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(target)], check=True)


def lines(target: Path) -> Iterator[tuple[float, str]]:
    """Yield (seconds since the start, line) of a forced `dvc repro`; echo what DVC says.

    Raises
    ------
    SystemExit
        If the run fails.
    """
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONUNBUFFERED": "1",
        "PYTHONPROFILEIMPORTTIME": "1",
    }
    start = time.perf_counter()
    with subprocess.Popen(
        ["dvc", "repro", "--force"],
        cwd=target,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout
        for line in process.stdout:
            if not IMPORT.match(line):
                print(line, end="", file=sys.stderr)
            yield time.perf_counter() - start, line
    if process.returncode:
        raise SystemExit(f"error: dvc repro ended with status {process.returncode}")


def per_stage(timed: Iterable[tuple[float, str]]) -> list[tuple[str, float, float]]:
    """Return (stage, seconds, seconds of imports); DVC's own work before the first stage is `(dvc)`."""
    rows: list[tuple[str, float, float]] = []
    name, began, imports, now = "(dvc)", 0.0, 0.0, 0.0
    for now, line in timed:
        if stage := STAGE.search(line):
            rows.append((name, now - began, imports))
            name, began, imports = stage[1], now, 0.0
        elif found := IMPORT.match(line):
            imports += int(found[1]) / 1e6
    return [*rows, (name, now - began, imports)]


def main() -> None:
    """Clone, run, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clone(Path(folder) / "aisle")
        rows = per_stage(lines(Path(folder) / "aisle"))
    total = ("total", sum(row[1] for row in rows), sum(row[2] for row in rows))
    table = [(*row, f"{row[2] / row[1]:.0%}") for row in [*rows, total]]
    print(tabulate(table, ["stage", "seconds", "of which imports", "share"], "github", floatfmt=".1f"))


if __name__ == "__main__":
    main()
