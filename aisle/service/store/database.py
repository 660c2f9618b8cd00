"""Open the store's database and bring its tables up to date."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from aisle.pipeline.errors import AisleError

WAIT = 5
"""Seconds that a connection is waited for, and a lock of SQLite."""
_LOCK = 72616_1810
"""Of PostgreSQL: two services that start at once must not both make the tables. SQLite locks the file."""


def connect(url: str) -> Engine:
    """Return an engine; PostgreSQL is spoken to by psycopg.

    Parameters
    ----------
    url
        Such as `sqlite:///service.db` or `postgresql://user@host/name`.

    Raises
    ------
    AisleError
        If it is no URL of either.
    """
    try:
        found = make_url(url)
    except ArgumentError:
        raise AisleError("the store must be a URL, sqlite:///PATH or postgresql://...; it is none") from None
    if found.drivername in ("postgresql", "postgres"):
        found = found.set(drivername="postgresql+psycopg")
    kind = found.get_backend_name()
    if kind not in ("sqlite", "postgresql"):
        raise AisleError(f"the store must be sqlite:///PATH or postgresql://...; it is {kind}")
    if kind == "sqlite":
        if found.database in (None, "", ":memory:"):
            raise AisleError("the store must be a file, sqlite:///PATH; in memory it would be lost")
        engine = create_engine(found, connect_args={"timeout": WAIT})
        event.listen(engine, "connect", _of_sqlite)
        return engine
    wait = {"connect_timeout": WAIT, "options": f"-c statement_timeout={WAIT * 1000}"}
    return create_engine(found, connect_args=wait, pool_pre_ping=True, pool_size=3, pool_timeout=WAIT)


def _of_sqlite(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def open_store(url: str) -> Engine:
    """Return an engine whose database has the tables of this version.

    Raises
    ------
    AisleError
        If it cannot be reached or was made by a newer version.
    """
    engine = connect(url)
    shown = engine.url.render_as_string(hide_password=True)
    try:
        with exclusive(engine, _LOCK) as connection:
            command.upgrade(config(connection), "head")
    except SQLAlchemyError as error:
        why = " ".join(str(getattr(error, "orig", error)).split())
        raise AisleError(f"the store must be a database that can be written; {shown} is not: {why}") from None
    except CommandError as error:
        raise AisleError(
            f"the store {shown} must be of this version of aisle or an older one: {error}"
        ) from None
    return engine


@contextmanager
def exclusive(engine: Engine, lock: int) -> Iterator[Connection]:
    """Give a transaction that waits for any other one of the same lock, of whichever process.

    Parameters
    ----------
    engine
        Of the store.
    lock
        Number of PostgreSQL's advisory lock. SQLite locks its file, whatever the number.
    """
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({lock})"))
        else:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection


def config(connection: Any) -> Config:
    """Return what Alembic is told: the migrations beside this file, on a connection that is open."""
    found = Config()
    found.set_main_option("script_location", str(files("aisle.service.store") / "migrations"))
    found.attributes["connection"] = connection
    return found
