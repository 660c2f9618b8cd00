"""Say what the per-item cache holds, or empty it (see aisle/pipeline/item_cache.py)."""

import argparse
import sqlite3
from contextlib import closing

from tabulate import tabulate

from aisle.pipeline import cli, item_cache
from aisle.pipeline.errors import AisleError

INFO = """SELECT encoder, COUNT(*), SUM(LENGTH(vector)) / 1e6, DATE(used, 'unixepoch')
FROM item JOIN variant ON variant.id = item.variant GROUP BY variant.id ORDER BY used DESC, variant.id"""


def info() -> str:
    """Return items, size and last use by encoder; one encoder has a line per version of its code."""
    path = item_cache.folder()
    if path is None:
        return "the item cache is off: AISLE_CACHE"
    if not (path / item_cache.FILE).exists():
        return f"{path}: empty"
    try:
        with closing(item_cache.connect(path)) as connection:
            rows, used = connection.execute(INFO).fetchall(), item_cache.used_bytes(connection)
    except (sqlite3.Error, OSError) as error:
        raise AisleError(f"{path} must be an item cache; {error}. `make cache-clear` makes it new.") from None
    table = tabulate(rows, ["encoder", "items", "MB", "last used"], floatfmt=".1f")
    bound = item_cache.max_bytes() / 1e9
    return f"{path}: {sum(row[1] for row in rows)} items, {used / 1e6:.1f} MB of {bound:g} GB\n\n{table}"


def clear() -> str:
    """Empty the store inside SQLite, so that a run that has it open goes on; remove one that is no store."""
    path = item_cache.folder()
    if path is None:
        return "the item cache is off: AISLE_CACHE"
    try:
        if (path / item_cache.FILE).exists():
            with closing(item_cache.connect(path)) as connection:
                for statement in ("DELETE FROM item", "DELETE FROM variant", "COMMIT", "VACUUM"):
                    connection.execute(statement)
    except sqlite3.Error as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            raise AisleError(f"{path} must not be in use; {error}. Try again when no stage runs.") from None
        for suffix in ("", "-wal", "-shm"):
            (path / f"{item_cache.FILE}{suffix}").unlink(missing_ok=True)
    except OSError as error:
        raise AisleError(f"{path} must be a folder that can be written; {error}") from None
    return f"{path}: empty"


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("info", "clear"))
    print({"info": info, "clear": clear}[parser.parse_args().what]())


if __name__ == "__main__":
    cli.run(main)
