"""The per-item cache: what was computed of one text or picture, kept as bytes from run to run.

A stage always writes its whole output; the cache only saves the computing. What is kept depends on the item,
the code and the options that its key names, and on nothing else. The store is `.cache/items/items.sqlite`,
unless the environment's AISLE_CACHE names another folder or is `off`. AISLE_CACHE_GB bounds it, 4 by default:
above it, what is expendable goes first, then what is unused for longest, its oldest items first. These are no
params: they change no result (docs/decisions/0007-item-cache.md).
"""

import json
import os
import re
import sqlite3
import sys
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any, AnyStr

import numpy as np

from aisle.pipeline.code_version import code_version
from aisle.pipeline.errors import AisleError

FILE = "items.sqlite"
PATIENCE = 60  # seconds to wait for another run's transaction
EXPENDABLE = "expendable: "
"""Begins the name of a variant whose items go before all others."""
DIGEST = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")
# `encoder` is the variant's name and `vector` the bytes: older stores have these columns
SCHEMA = """
CREATE TABLE IF NOT EXISTS variant (id INTEGER PRIMARY KEY, digest BLOB UNIQUE, encoder TEXT, used REAL);
CREATE TABLE IF NOT EXISTS item
(id INTEGER PRIMARY KEY, variant INTEGER, key BLOB UNIQUE, vector BLOB, crc INTEGER);
CREATE INDEX IF NOT EXISTS item_variant ON item (variant)"""
USED = """SELECT page_size * (page_count - freelist_count)
FROM pragma_page_size, pragma_page_count, pragma_freelist_count"""
USE = "INSERT INTO variant (digest, encoder, used) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET used = ?3"
GET = "SELECT vector, crc FROM item WHERE key = ?"
PUT = "REPLACE INTO item (variant, key, vector, crc) SELECT id, ?2, ?3, ?4 FROM variant WHERE digest = ?1"
EVICT = f"""DELETE FROM item WHERE id IN (SELECT id FROM item WHERE variant = (SELECT id FROM variant
WHERE EXISTS (SELECT 1 FROM item WHERE variant = variant.id)
ORDER BY encoder LIKE '{EXPENDABLE}%' DESC, used LIMIT 1) ORDER BY id LIMIT ?)"""


def folder(root: Path = Path()) -> Path | None:
    """Return the cache's folder, seen from `root` if it is relative; None if it is off."""
    name = os.environ.get("AISLE_CACHE") or ".cache/items"
    return None if name.lower() == "off" else root / name


def max_bytes() -> float:
    """Return the bound of the store, in bytes."""
    text = os.environ.get("AISLE_CACHE_GB") or "4"
    if not text.replace(".", "", 1).isdecimal() or not float(text):
        raise AisleError(f"AISLE_CACHE_GB must be a positive number of gigabytes, not {text!r}")
    return float(text) * 1e9


def connect(path: Path) -> sqlite3.Connection:
    """Open the store in a folder; make both if they are not there."""
    path.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path / FILE, timeout=PATIENCE, check_same_thread=False)
    for left in range(PATIENCE * 20, -1, -1):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as error:  # does not wait by itself where two make the file at once
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or not left:
                raise
            time.sleep(0.05)
    connection.execute("PRAGMA synchronous = NORMAL")  # a power cut may lose a batch, no more
    for statement in SCHEMA.split(";"):
        connection.execute(statement)
    return connection


def used_bytes(connection: sqlite3.Connection) -> int:
    """Return the bytes of the pages that hold something; free ones stay in the file and are used again."""
    return int(connection.execute(USED).fetchone()[0])


class ItemCache:
    """What one piece of code computes of items, by their content; `close` it, or use `contextlib.closing`.

    Threads may share it. A store that cannot be read or written costs one warning, and computing goes on
    without it.

    Parameters
    ----------
    module
        Name of the module that computes; the version of its code is part of the key.
    options
        Whatever else the result depends on beside the item, such as an encoder's options and the digest of
        its weights: what JSON can hold.
    expendable
        Whether these items leave a full store before all that are not: large, and quickly computed again.
    """

    def __init__(self, module: str, options: Mapping[str, Any], expendable: bool = False) -> None:
        self._connection: sqlite3.Connection | None = None
        self._lock = Lock()
        self._variant, self._max_bytes, path = b"", max_bytes(), folder()
        if path is None:
            return
        name = f"{module} {json.dumps(options, sort_keys=True)}"
        self._variant = sha256(f"{name} {code_version(module)}".encode()).digest()
        label = EXPENDABLE * expendable + DIGEST.sub(r"\1", name.removeprefix("aisle."))
        try:
            self._connection = connect(path)
            with self._connection:
                self._connection.execute(USE, (self._variant, label, time.time()))
        except (sqlite3.Error, OSError) as error:
            self._give_up(error)

    def get(self, items: Sequence[AnyStr], compute: Callable[[list[AnyStr]], Sequence[bytes]]) -> list[bytes]:
        """Return what is computed of each of the items, texts or bytes.

        `compute` makes it of those that are new, each once; it is kept before this returns.
        """
        digests = [sha256(item.encode() if isinstance(item, str) else item).digest() for item in items]
        keys = [sha256(self._variant + digest).digest() for digest in digests]
        with self._lock:
            kept = self._get(keys)
        if new := {key: item for key, item in zip(keys, items, strict=True) if key not in kept}:
            made = dict(zip(new, compute(list(new.values())), strict=True))
            with self._lock:
                self._put(list(made.items()))
            kept |= made
        return [kept[key] for key in keys]

    def vectors(self, items: Sequence[AnyStr], transform: Callable[[list[AnyStr]], Any]) -> np.ndarray:
        """Return float32 (n, dimension), row i for item i of a batch of n >= 1 items.

        `transform` makes the vectors of those that are new; see `get`.
        """
        rows = self.get(items, lambda new: [row.tobytes() for row in np.asarray(transform(new), "<f4")])
        return np.stack([np.frombuffer(row, "<f4") for row in rows])

    def close(self) -> None:
        """Close the store."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _get(self, keys: list[bytes]) -> dict[bytes, bytes]:
        rows = []
        try:
            if self._connection is not None:
                rows = [(key, *row) for key in keys for row in self._connection.execute(GET, (key,))]
        except sqlite3.Error as error:
            self._give_up(error)
        return {key: data for key, data, crc in rows if zlib.crc32(data) == crc}

    def _put(self, rows: list[tuple[bytes, bytes]]) -> None:
        if self._connection is None:
            return
        try:
            with self._connection as batch:  # one transaction
                batch.executemany(PUT, [(self._variant, key, data, zlib.crc32(data)) for key, data in rows])
                while used_bytes(batch) > self._max_bytes and batch.execute(EVICT, (len(rows),)).rowcount:
                    pass
        except sqlite3.Error as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self.close()
        print(
            f"warning: the item cache in {folder()} cannot be used ({error}); the run goes on without it. "
            "`make cache-clear` makes it new; AISLE_CACHE names another folder or turns it off.",
            file=sys.stderr,
        )
