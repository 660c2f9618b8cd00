"""Load the service for minutes while what it stands on fails; write down what came of it.

    python tools/soak_service.py --model champion --other challenger

In the first half predictions go to a PostgreSQL, which is stopped and started again; in the second to SQLite
on a disk that is full for a while (the process may write no file longer than a byte). In both the package is
replaced by another and back, and once by a broken one. Clients send products all the time, and hold each
answer against what `predict` says with the package that the answer names. What a client counts: answers,
wrong ones, requests without any (lost), refusals (429, 503) and other statuses. What the store counts: rows
written and dropped, which are together what was answered.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where this runs as a script

import numpy as np
import pandas as pd
import psutil
import requests

from aisle.deployment import manifest, packaging
from aisle.deployment.predictor import Predictor
from aisle.models.predictions_table import PREFIX
from aisle.pipeline import atomic, cli
from aisle.pipeline.errors import AisleError
from tools import bench_service, postgres_server

CLIENTS, PAUSE = 8, 0.05
"""Threads that ask, and seconds between two requests of each: a load that leaves room, for minutes."""
SETTLED = 0.32
"""Share of a half after which the memory counts: by then both packages are loaded."""
LINE = 1e-6
BUSY = (429, 503)
SOAK = (
    "soak_minutes", "soak_requests", "soak_errors", "soak_wrong", "soak_lost", "soak_refused", "soak_swaps",
    "soak_refused_packages", "soak_dropped", "soak_unaccounted", "rss_growth_mb",
)  # fmt: skip


@dataclass
class Seen:
    """What the clients saw."""

    counts: Counter[str] = field(default_factory=Counter)
    digests: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, what: str, digest: str = "") -> None:
        """Count something, and which package answered."""
        with self.lock:
            self.counts[what] += 1
            if digest:
                self.digests.add(digest)


def expected(packages: list[Path], products: list[dict[str, str]]) -> dict[str, np.ndarray]:
    """Return what `predict` says of the products with each package, (products, categories), by digest."""
    found = {}
    for folder in packages:
        names = [PREFIX + name for name in packaging.read(folder).categories]
        table = Predictor(folder).predict(pd.DataFrame(products))
        found[manifest.identity(folder)] = table[names].to_numpy(float)
    return found


def ask(
    address: str, products: list[dict[str, str]], known: dict[str, np.ndarray], seen: Seen, number: int
) -> None:
    """Send one product and judge the answer."""
    place = number % len(products)
    try:
        answer = requests.post(address, json=products[place], timeout=60)
    except requests.RequestException:
        return seen.note("lost")
    if answer.status_code in BUSY:
        return seen.note("refused")
    if answer.status_code != 200:
        return seen.note("errors")
    found = answer.json()
    digest = found["model"]["digest"]
    given = np.array([*found["predictions"][0]["probabilities"].values()])
    right = digest in known and np.allclose(given, known[digest][place], atol=LINE)
    return seen.note("answered" if right else "wrong", digest)


@contextmanager
def clients(address: str, products: list[dict[str, str]], known: dict[str, np.ndarray]) -> Iterator[Seen]:
    """Ask all the time, in threads."""
    seen, stop = Seen(), threading.Event()

    def work(first: int) -> None:
        number = first
        while not stop.wait(PAUSE):
            ask(address, products, known, seen, number)
            number += CLIENTS

    threads = [threading.Thread(target=work, args=(i,)) for i in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@contextmanager
def serving(folder: Path, database: str) -> Iterator[tuple[str, psutil.Process]]:
    """Run a service of a folder's packages/ on loopback; yield its address and process."""
    log = folder / "service.log"
    port = bench_service.free_port()
    command = [sys.executable, "-m", "aisle.service", "--port", str(port)]
    command += ["--database", database, "--watch", "0.5", "--review-pool", "0"]
    with log.open("wb") as file:
        # its log goes through a pipe: a process that may write no file could not tell of it
        path = os.pathsep.join([str(bench_service.ROOT), os.environ.get("PYTHONPATH", "")])
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONPATH": path},
        )
        assert process.stdout
        copier = threading.Thread(target=shutil.copyfileobj, args=(process.stdout, file), daemon=True)
        copier.start()
        address = f"http://127.0.0.1:{port}"
        try:
            end = time.monotonic() + bench_service.START
            while not bench_service.ready(address):
                if process.poll() is not None or time.monotonic() > end:
                    file.flush()
                    said = log.read_text(encoding="utf-8", errors="replace")[-600:]
                    raise AisleError(f"the service must be ready; it is not: {said}")
                time.sleep(0.2)
            yield address, psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait()
            copier.join()


def put(package: Path, place: Path) -> None:
    """Put a package in the place of another, as `dvc checkout` does: the new folder is whole."""
    made = place.with_name(f".{place.name}.new")
    shutil.copytree(package, made)
    old = place.with_name(f".{place.name}.old")
    place.rename(old)
    made.rename(place)
    shutil.rmtree(old)


def broken(package: Path, place: Path) -> Path:
    """Make a copy of a package with its largest file cut to half of its bytes; return its place."""
    shutil.copytree(package, place)
    largest = max((path for path in place.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    data = largest.read_bytes()
    largest.chmod(0o644)
    largest.write_bytes(data[: len(data) // 2])
    return place


def metrics(address: str) -> dict[str, float]:
    """Return the service's counters that the soak reads, summed over labels but for the outcome of loads."""
    found: dict[str, float] = {}
    for line in requests.get(f"{address}/metrics", timeout=30).text.splitlines():
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            key = name if name.startswith("aisle_model_loads_total") else name.partition("{")[0]
            found[key] = found.get(key, 0.0) + float(value)
    return found


def full_disk(process: psutil.Process, full: bool) -> None:
    """Let a process write no file, or any again: what it meets is what a full disk gives, an OSError."""
    hard = process.rlimit(psutil.RLIMIT_FSIZE)[1]
    process.rlimit(psutil.RLIMIT_FSIZE, (1 if full else resource.RLIM_INFINITY, hard))


def half(
    seconds: float,
    two: tuple[Path, Path],
    folder: Path,
    database: str,
    fail: Callable[[psutil.Process], None],
    mend: Callable[[psutil.Process], None],
) -> dict[str, Any]:
    """Load a service for some time while its package changes and its store fails; return the counts.

    Parameters
    ----------
    seconds
        Of the load.
    two
        The packages.
    folder
        For the served package and the log.
    database
        URL of the store.
    fail, mend
        What happens to the store, given the service's process.
    """
    place = folder / "packages" / "champion"
    shutil.copytree(two[0], place)
    cut = broken(two[0], folder / "broken")
    products = bench_service.products()
    known = expected([*two], products)
    steps = [
        (0.2, lambda _: put(two[1], place)),
        (0.35, lambda _: put(cut, place)),
        (0.5, lambda _: put(two[0], place)),
        (0.55, fail),
        (0.75, mend),
        (0.85, lambda _: put(two[1], place)),
    ]
    with serving(folder, database) as (address, process):
        start, settled = time.monotonic(), 0
        with clients(f"{address}/v1/classify?probabilities=true", products, known) as seen:
            for share, step in [*steps, (1.0, lambda _: None)]:
                while (now := (time.monotonic() - start) / seconds) < share:
                    if not settled and now > SETTLED:
                        settled = int(process.memory_info().rss)
                    time.sleep(0.1)
                step(process)
        growth = (process.memory_info().rss - settled) / 1e6
        end = time.monotonic() + 60
        while (counters := metrics(address))["aisle_store_waiting"] and time.monotonic() < end:
            time.sleep(0.5)
    answered = seen.counts["answered"] + seen.counts["wrong"]
    stored = counters["aisle_store_written_total"] + counters["aisle_store_dropped_total"]
    return {
        **seen.counts,
        "growth": growth,
        "dropped": int(counters["aisle_store_dropped_total"]),
        "unaccounted": int(answered - stored),
        "swaps": int(counters.get('aisle_model_loads_total{outcome="swapped"}', 0)),
        "broken": int(counters.get('aisle_model_loads_total{outcome="refused"}', 0)),
        "digests": len(seen.digests),
    }


def summary(halves: list[dict[str, Any]], seconds: float) -> dict[str, Any]:
    """Return the figures of both halves together, under the names of `SOAK`."""

    def total(name: str) -> int:
        return int(sum(each.get(name, 0) for each in halves))

    counts = ("answered", "errors", "wrong", "lost", "refused", "swaps", "broken", "dropped", "unaccounted")
    asked, *others = (total(name) for name in counts)
    growth = round(max(each["growth"] for each in halves), 1)
    return dict(zip(SOAK, (round(seconds / 60, 1), asked, *others, growth), strict=True))


def main() -> None:
    """Run both halves, and add their figures to those of bench_service."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="champion", help="package that is served first (%(default)s)")
    parser.add_argument("--other", default="challenger", help="the one that replaces it (%(default)s)")
    parser.add_argument("--minutes", type=float, default=10.0, help="both halves together (%(default)s)")
    parser.add_argument("--output", type=Path, default=bench_service.RESULT, help="(%(default)s)")
    args = parser.parse_args()
    if (programs := postgres_server.binaries()) is None:
        raise AisleError("PostgreSQL must be installed: apt-get install postgresql")
    two = packaging.find(args.model).resolve(), packaging.find(args.other).resolve()
    seconds = args.minutes * 30
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    try:
        for name in ("pg", "a", "b"):
            (folder / name).mkdir()
        folder.chmod(0o755)
        server = postgres_server.Server(programs, folder / "pg")
        server.start()
        try:
            first = half(
                seconds, two, folder / "a", server.url, lambda _: server.stop(), lambda _: server.start()
            )
        finally:
            server.stop()
        sqlite = f"sqlite:///{folder / 'b' / 'service.db'}"
        second = half(
            seconds, two, folder / "b", sqlite,
            lambda process: full_disk(process, True), lambda process: full_disk(process, False),
        )  # fmt: skip
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    found = summary([first, second], args.minutes * 60)
    before = json.loads(args.output.read_text(encoding="utf-8")) if args.output.is_file() else {}
    atomic.write_text(args.output, json.dumps(before | found, indent=2) + "\n")
    print(json.dumps(found))


if __name__ == "__main__":
    cli.run(main, children=True)
