"""API keys: random, shown once, kept as SHA-256. Who has the file of keys cannot sign in with it.

  python -m aisle.service.keys shop >> keys.txt

prints the line to keep, and on stderr the key to give to the client. A key has 256 bits from the system's
source of randomness, so one round of SHA-256 is enough: there is no list of likely ones to be tried.
"""

import argparse
import re
import secrets
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path

from aisle.pipeline import cli
from aisle.pipeline.errors import AisleError

PREFIX = "aisle_"
"""By which a key that lies somewhere is known for one."""
ADMIN = "admin"
_LINE = re.compile(r"(?P<name>[A-Za-z0-9._-]{1,64}):(?P<digest>[0-9a-f]{64})(?P<admin>:admin)?")


@dataclass(frozen=True)
class Key:
    """A key that is known.

    Attributes
    ----------
    name
        Of who has it.
    digest
        SHA-256 of the key, in hexadecimal.
    admin
        Whether it may change the model that is served.
    """

    name: str
    digest: str
    admin: bool = False


LOCAL = Key("local", "", admin=True)
"""Who asks a service without keys."""


def parse(lines: Iterable[str], where: str) -> tuple[Key, ...]:
    """Return the keys of lines `name:sha256` or `name:sha256:admin`; empty lines and `#` are left out.

    Parameters
    ----------
    lines
        As of a file.
    where
        What they are called in an error.

    Raises
    ------
    AisleError
        If a line is none of these, or a name or a key is there twice.
    """
    keys: list[Key] = []
    for number, line in enumerate(lines, 1):
        text = line.split("#")[0].strip()
        if not text:
            continue
        if (match := _LINE.fullmatch(text)) is None:
            raise AisleError(
                f"{where}, line {number}, must be NAME:SHA256 or NAME:SHA256:admin; it is not. "
                "`python -m aisle.service.keys NAME` makes one."
            )
        key = Key(match["name"], match["digest"], bool(match["admin"]))
        if any(key.name == other.name or key.digest == other.digest for other in keys):
            raise AisleError(
                f"{where}, line {number}, must have a name and a key of its own; {key.name} has not"
            )
        keys.append(key)
    return tuple(keys)


def read(path: str | Path) -> tuple[Key, ...]:
    """Read a file of keys.

    Raises
    ------
    AisleError
        If it is not there or has none.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, UnicodeDecodeError):
        raise AisleError(f"--keys must be a text file of keys; {path} is none") from None
    if not (keys := parse(lines, str(path))):
        raise AisleError(f"--keys must have a key at least; {path} has none")
    return keys


def find(keys: Iterable[Key], given: str) -> Key | None:
    """Return the key that was given, None if it is not known; in the same time whichever it is."""
    digest, found = sha256(given.encode("utf-8", "replace")).hexdigest(), None
    for key in keys:
        if compare_digest(key.digest, digest):
            found = key
    return found


def main() -> None:
    """Make a key."""
    parser = argparse.ArgumentParser(
        prog="python -m aisle.service.keys",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", help="of who gets it: letters, digits, . _ -")
    parser.add_argument("--admin", action="store_true", help="it may change the model that is served")
    args = parser.parse_args()
    key = PREFIX + secrets.token_urlsafe(32)
    line = f"{args.name}:{sha256(key.encode()).hexdigest()}{':admin' if args.admin else ''}"
    if not _LINE.fullmatch(line):
        raise AisleError(f"the name must be 1 to 64 letters, digits, . _ or -; it is {args.name!r}")
    print(line)
    print(f"the key, shown this once: {key}", file=sys.stderr)


if __name__ == "__main__":
    cli.run(main)
