"""Run stages side by side, as many as there are processors; DVC itself runs one after another.

Each stage is a `dvc repro --single-item` in a forked process, which has DVC imported already: it takes what
it may from DVC's caches, waits for DVC's lock, and writes its entry of dvc.lock. A stage starts when those
that write what it reads are done, the one with the longest way to the end first. What it says is shown when
it is done, in one piece. The entries that are new in dvc.lock get the order that `dvc repro` would have given
them, so that the file does not depend on who was faster.
"""

import logging
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import IO

from tqdm import tqdm

from aisle.pipeline import atomic, dvc_file, lock_file, stage_server

HINTS = (
    "To track the changes with git",
    "\tgit add ",
    "To enable auto staging",
    "\tdvc config ",
    "Use `dvc push`",
)
"""How the lines begin in which DVC says, after each run, what to do next."""


def overlap(path: str, other: str) -> bool:
    """Whether two paths are the same, or one lies below the other."""
    return path == other or path.startswith(f"{other}/") or other.startswith(f"{path}/")


def before(stages: Mapping[str, dvc_file.Stage]) -> dict[str, set[str]]:
    """Return, of each stage, those that write what it reads, by name."""
    return {
        name: {
            other
            for other, writer in stages.items()
            if other != name and any(overlap(dep, out) for dep in stage.deps for out in writer.outputs)
        }
        for name, stage in stages.items()
    }


def lengths(needs: Mapping[str, Iterable[str]]) -> dict[str, int]:
    """Return how many stages the longest way from each stage to the end has."""
    readers: dict[str, list[str]] = {name: [] for name in needs}
    for name, others in needs.items():
        for other in others:
            readers[other].append(name)

    @cache
    def length(name: str) -> int:
        return 1 + max(map(length, readers[name]), default=0)

    return {name: length(name) for name in needs}


def _single(name: str, output: int) -> None:
    """Run one stage; a process of its own."""
    for number, stream in ((1, "stdout"), (2, "stderr")):
        os.dup2(output, number)
        setattr(sys, stream, os.fdopen(number, "w", buffering=1, encoding="utf-8", closefd=False))
    from dvc.cli import main

    for handler in logging.getLogger("dvc").handlers:  # they keep the streams of when DVC was imported
        if isinstance(handler, logging.StreamHandler):
            handler.stream = sys.stderr if handler.level >= logging.WARNING else sys.stdout
    code = main(["--wait-for-lock", "repro", "--single-item", name])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # what DVC started, such as threads of its caches, need not be waited for


class _Running:
    """A stage that runs, and the file that it says things into."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.said: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        fork = multiprocessing.get_context("fork")
        self.process: BaseProcess = fork.Process(target=_single, args=(name, self.said.fileno()))
        self.process.start()

    def end(self) -> tuple[int, str]:
        """Return the exit status and what it said."""
        self.process.join()
        self.said.seek(0)
        with self.said:
            lines = [line for line in self.said.read().splitlines() if not line.startswith(HINTS)]
        return self.process.exitcode or 0, "\n".join(lines).strip()


def run(root: Path, names: list[str], at_once: int) -> bool:
    """Run stages of a pipeline, none before those that write what it reads.

    Parameters
    ----------
    root
        The folder with dvc.yaml.
    names
        Of the stages. What else they need must be there.
    at_once
        How many may run at a time.

    Returns
    -------
    bool
        Whether all went well. Where one fails those that run are waited for, and no other starts.
    """
    import_module("dvc.commands.repro")  # once, for all the processes that are forked
    import_module("dvc.repo.reproduce")

    stages = dvc_file.read(root)
    needs = before({name: stages[name] for name in names})
    rank = lengths(needs)
    waiting = sorted(names, key=lambda name: -rank[name])
    running: dict[int, _Running] = {}
    done: set[str] = set()
    failed = False
    with (
        stage_server.running(root),
        _inside(root),
        tqdm(total=len(names), desc="stages", unit="stage", disable=None) as bar,
    ):
        try:
            while running or (waiting and not failed):
                for name in [name for name in waiting if needs[name] <= done]:
                    if len(running) < at_once and not failed:
                        waiting.remove(name)
                        started = _Running(name)
                        running[started.process.sentinel] = started
                bar.set_postfix_str(", ".join(each.name for each in running.values()))
                for sentinel in wait(list(running)):
                    ended = running.pop(sentinel)  # type: ignore[arg-type]
                    code, said = ended.end()
                    bar.write(said)
                    bar.update()
                    done.add(ended.name)
                    failed = failed or code != 0
        finally:
            for each in running.values():  # interrupted: so were they, by the terminal
                each.end()
    return not failed


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """Work in a folder, as `dvc` does."""
    here = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(here)


def order_of_dvc(root: Path) -> list[str]:
    """Return the names of all stages in the order in which `dvc repro` runs them."""
    from dvc.repo import Repo
    from dvc.repo.reproduce import collect_stages, get_active_graph, plan_repro

    with _inside(root), Repo() as repo:
        graph = get_active_graph(repo.index.graph)
        return [stage.addressing for stage in plan_repro(graph, collect_stages(repo, [dvc_file.FILE]))]


def put_in_order(root: Path, known: list[str]) -> None:
    """Give the entries that are new in dvc.lock the order of `dvc repro`; the others stay where they were.

    Parameters
    ----------
    root
        The folder.
    known
        The entries of before.
    """
    from dvc.utils.serialize import dump_yaml, load_yaml  # lines are to be broken as DVC breaks them

    path = root / lock_file.LOCK
    content = load_yaml(str(path))
    entries = content["stages"]
    new = {*entries} - {*known}
    wanted = [name for name in known if name in entries]
    wanted += [name for name in order_of_dvc(root) if name in new]
    if [*entries] == wanted:
        return
    content["stages"] = {name: entries[name] for name in wanted}
    with atomic.replacing(path) as part:
        dump_yaml(str(part), content)
