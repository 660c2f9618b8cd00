"""Run the pipeline from cold in a temporary clone and print, for each stage, its time and its import time.

Import time is what Python itself reports (`-X importtime`), lazy imports included; the measurement makes it a
little longer. The clone is of the last commit, with an empty DVC cache.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

from tabulate import tabulate

from aisle.pipeline import cli
from aisle.pipeline.errors import AisleError

ROOT = Path(__file__).resolve().parent.parent
STAGE = re.compile(r"Running stage '(.+)':")
IMPORT = re.compile(r"import time:\s+(\d+) \|\s+\d+ \| ")


def clone(target: Path, source: Path = ROOT, commit: str = "HEAD") -> None:
    """Clone a repository at a commit, by default its last one, with a DVC cache of its own."""
    subprocess.run(["git", "clone", "--quiet", "--no-checkout", str(source), str(target)], check=True)
    subprocess.run(["git", "-C", str(target), "checkout", "--quiet", "--detach", commit], check=True)


def search_path(programs: Path) -> str:
    """Return a PATH on which the programs of a folder come first."""
    return f"{programs}{os.pathsep}{os.environ['PATH']}"


def lines(
    folder: Path, environment: Mapping[str, str], *command: str
) -> Generator[tuple[float, str], None, None]:
    """Yield (seconds since the start, line) of what a command says, its stderr included.

    Use it with `contextlib.closing`: a reader that stops early, or is interrupted, then leaves no process.

    Raises
    ------
    AisleError
        If the command fails.
    """
    last: deque[str] = deque(maxlen=20)
    start = time.perf_counter()
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # so that it can be ended with all that it started
    ) as process:
        assert process.stdout
        try:
            for line in process.stdout:
                last.append(line)
                yield time.perf_counter() - start, line
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.stdout.read()  # it ends when the last of them does
            raise
    if process.returncode:
        said = "".join(last).strip()[-500:]
        raise AisleError(f"`{' '.join(command)}` must end well; it ended with {process.returncode}: {said}")


def echo(timed: Iterable[tuple[float, str]]) -> Iterator[tuple[float, str]]:
    """Print the lines that pass through, but for those of the imports."""
    for now, line in timed:
        if not IMPORT.match(line):
            print(line, end="", file=sys.stderr)
        yield now, line


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
    environment = os.environ | {
        "PATH": search_path(Path(sys.executable).parent),
        "PYTHONUNBUFFERED": "1",
        "PYTHONPROFILEIMPORTTIME": "1",
    }
    with tempfile.TemporaryDirectory() as folder:
        clone(Path(folder) / "aisle")
        with closing(lines(Path(folder) / "aisle", environment, "dvc", "repro", "--force")) as timed:
            rows = per_stage(echo(timed))
    total = ("total", sum(row[1] for row in rows), sum(row[2] for row in rows))
    table = [(*row, f"{row[2] / row[1]:.0%}") for row in [*rows, total]]
    print(tabulate(table, ["stage", "seconds", "of which imports", "share"], "github", floatfmt=".1f"))


if __name__ == "__main__":
    cli.run(main, children=True)
