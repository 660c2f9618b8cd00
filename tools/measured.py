"""Run a function or a command in a process of its own: its result, its seconds, the most memory it held."""

import os
import resource
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

EVERY = 0.1
"""Seconds between looks at the memory."""
SELDOM = 0.4
"""The same of a command, which takes minutes: a look costs some milliseconds for each of its processes."""


@dataclass
class Measured:
    """What a run cost.

    Parameters
    ----------
    result
        Of the function.
    seconds
        Of the function itself, without the start of the process and its imports.
    cpu_seconds
        Of all processors together, likewise: what another program on the machine changes least.
    peak_mb
        Memory of the process and its children together, in 10^6 bytes, pages that they share counted once
        (proportional set size); looked at each `EVERY` seconds.
    """

    result: Any
    seconds: float
    cpu_seconds: float
    peak_mb: float


def measured(function: Callable[..., Any], *arguments: Any, **options: Any) -> Measured:
    """Run a function of a module in a new process.

    Raises
    ------
    RuntimeError
        If it fails; the process has told why.
    """
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(theirs, function, arguments, options))
    process.start()
    theirs.close()
    peak = 0
    while process.is_alive() and not ours.poll(EVERY):
        peak = max(peak, sum(map(_bytes, _tree(process.pid or 0))))
    try:
        result, seconds, cpu = ours.recv()
    except EOFError:
        process.join()
        raise RuntimeError(f"{function.__name__} ended with status {process.exitcode}") from None
    process.join()
    return Measured(result, round(seconds, 2), round(cpu, 2), round(peak / 1e6, 1))


def measured_command(command: str, cwd: str | Path, environment: Mapping[str, str] | None = None) -> Measured:
    """Run a command line of the shell; its `result` is None, its memory is looked at each `SELDOM` seconds.

    Raises
    ------
    RuntimeError
        If it fails; it has told why on stderr.
    """
    started = time.perf_counter()
    process = subprocess.Popen(command, shell=True, cwd=cwd, env=environment, stdout=subprocess.DEVNULL)
    peak, ended = 0, 0
    while not ended:
        peak = max(peak, sum(map(_bytes, _tree(process.pid))))
        time.sleep(SELDOM)
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"`{command}` ended with status {process.returncode}, see above")
    seconds, used = time.perf_counter() - started, usage.ru_utime + usage.ru_stime
    return Measured(None, round(seconds, 2), round(used, 2), round(peak / 1e6, 1))


def _run(pipe: Any, function: Callable[..., Any], arguments: tuple, options: dict) -> None:
    started, used = time.perf_counter(), _cpu()
    result = function(*arguments, **options)
    pipe.send((result, time.perf_counter() - started, _cpu() - used))


def _cpu() -> float:
    """Return the processor seconds of this process and of its children that have ended."""
    each = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in each)


def _tree(pid: int) -> list[int]:
    """Return a process and all that it has started, directly or not."""
    found = [pid]
    for each in found:
        for task in Path(f"/proc/{each}/task").glob("*/children"):
            try:
                found += map(int, task.read_text().split())
            except OSError:  # it has ended meanwhile
                continue
    return found


def _bytes(pid: int) -> int:
    """Return the proportional set size of a process, 0 if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def cores() -> int:
    """Return how many processors there are to this process."""
    return len(os.sched_getaffinity(0))
