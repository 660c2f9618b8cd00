"""Write a file whole or not at all: beside its place under another name, then renamed.

Whoever reads the place meanwhile, or after a kill or a full disk, finds what was there before or what is
there now, never a part.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from itertools import count
from pathlib import Path

from aisle.pipeline.errors import AisleError

_NUMBERS = count()
DAY = 86400  # seconds
SPECIAL = ("/dev/", "/proc/")
"""What lies there is no file that can be replaced, such as /dev/stdout: it is written as it stands."""


def check_place(path: str | Path, what: str) -> None:
    """See that a file can be written, before the work whose result it is to hold.

    Parameters
    ----------
    path
        Where to; parent folders are made.
    what
        What it is called in an error, such as `--output`.

    Raises
    ------
    AisleError
        If it is a folder, or no file can be made there.
    """
    path = Path(path)
    if path.is_dir():
        raise AisleError(f"{what} must be a file; {path} is a folder. Name a file in it.")
    if str(path).startswith(SPECIAL):
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        trial = _beside(path)
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise AisleError(
            f"{what} must be where a file can be made; {path} is not: {error.strerror}"
        ) from None


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}-{next(_NUMBERS)}.part")


def _sweep(path: Path) -> None:
    """Remove what killed processes left of the same file, a day ago or more: another may be at work on it."""
    for left in path.parent.glob(f".{escape(path.name)}.*.part"):
        if left.stat().st_mtime < time.time() - DAY:
            left.unlink(missing_ok=True)


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a path to write to, which takes the place of `path` when all is written.

    Parameters
    ----------
    path
        Where the file shall be; parent folders are made. A link is replaced, not followed: what it points
        to may be DVC's cache.
    """
    path = Path(path)
    if str(path).startswith(SPECIAL):
        yield path
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    part = _beside(path)
    try:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())  # else a crash of the machine may keep the new name and lose the content
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Let one process at a time go on; the system takes the lock, an empty file, back from a dead one."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a file of bytes, whole or not at all."""
    with replacing(path) as part:
        part.write_bytes(data)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file in UTF-8, line ends as given, whole or not at all."""
    write_bytes(path, text.encode("utf-8"))
