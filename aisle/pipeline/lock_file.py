"""dvc.lock survives a kill: a copy is kept beside DVC's own notes and put back where the file is broken.

DVC cuts the file before it writes it. Killed in between it leaves nothing, or a part, and every later command
ends with an error of its schema. So it does with its own note of who reads and writes what, which is removed:
nobody of it is alive.
"""

import json
import time
from pathlib import Path
from typing import Any

from aisle.pipeline import atomic
from aisle.pipeline.errors import AisleError
from aisle.pipeline.params import read_yaml

LOCK = "dvc.lock"
COPY = Path(".dvc", "tmp", "dvc.lock.kept")
"""Among what DVC itself keeps out of Git."""
READERS = Path(".dvc", "tmp", "rwlock")
"""DVC's note of the processes that read and write the outputs."""
PAUSE = 0.5
"""Seconds after which a note that another DVC is writing is whole."""


def _is_whole(path: Path) -> bool:
    """Whether a lock file is one that DVC can read."""
    try:
        found = read_yaml(path)
    except (AisleError, UnicodeDecodeError):
        return False
    stages = found.get("stages")
    if not path.read_bytes().endswith(b"\n"):  # cut within a line
        return False
    return "schema" in found and isinstance(stages, dict) and all(map(_is_entry, stages.values()))


def _is_entry(entry: Any) -> bool:
    if not isinstance(entry, dict) or not entry.get("cmd"):
        return False
    listed = [each for key in ("deps", "outs") for each in entry.get(key) or []]
    outs = entry.get("outs") or []
    return all(isinstance(each, dict) and each.get("path") for each in listed) and all(
        each.get("md5") for each in outs
    )


def _is_note(path: Path) -> bool:
    """Whether DVC can read its note: it is not there, or is JSON."""
    try:
        return isinstance(json.loads(path.read_bytes()), dict)
    except FileNotFoundError:
        return True
    except ValueError:
        return False


def keep(root: Path) -> None:
    """Copy a folder's dvc.lock, if it is whole."""
    if _is_whole(root / LOCK):
        atomic.write_bytes(root / COPY, (root / LOCK).read_bytes())


def restore(root: Path) -> str | None:
    """Put the copy in the place of a broken dvc.lock; return what was done, in words, None if it is whole.

    A broken note of DVC's is removed without a word.

    A folder without the file has not run yet.

    Raises
    ------
    AisleError
        If it is broken and there is no copy.
    """
    if not _is_note(root / READERS):
        time.sleep(PAUSE)
        if not _is_note(root / READERS):
            (root / READERS).unlink(missing_ok=True)
    path = root / LOCK
    if not path.exists() or _is_whole(path):
        return None
    if not _is_whole(root / COPY):
        raise AisleError(
            f"{path} must be a lock file of DVC; it is broken, and no copy was kept. `git checkout {LOCK}` "
            "gives the committed one; what ran since is restored from DVC's cache."
        )
    atomic.write_bytes(path, (root / COPY).read_bytes())
    return f"{LOCK} was broken (DVC was stopped while it wrote it); the copy of before that run is back"
