"""A PostgreSQL of Debian's package for a test or a measurement: in a folder, on no port, gone at the end."""

import getpass
import os
import pwd
import shutil
import subprocess
from pathlib import Path

SOMEBODY = "nobody"
"""Who runs it for root, whom it refuses."""


def binaries() -> Path | None:
    """Return the folder of PostgreSQL's programs: on the PATH, or where Debian puts them."""
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next((place for place in reversed(places) if (place / "initdb").exists()), None)


class Server:
    """A PostgreSQL in a folder, reached by a socket alone.

    Parameters
    ----------
    programs
        Of `binaries`.
    folder
        Empty, with a short path: that of a socket has 107 bytes at most.
    """

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs, self._folder = programs, folder
        self._user = SOMEBODY if os.geteuid() == 0 else getpass.getuser()
        if os.geteuid() == 0:
            owner = pwd.getpwnam(SOMEBODY)
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        self._run(
            "initdb", "--pgdata", folder / "data", "--auth", "trust", "--no-sync", "--username", "aisle"
        )

    @property
    def url(self) -> str:
        """Of its database, for SQLAlchemy."""
        return f"postgresql://aisle@/postgres?host={self._folder}"

    def _run(self, program: str, *arguments: object) -> None:
        command = [str(each) for each in (self._programs / program, *arguments)]
        user = self._user if os.geteuid() == 0 else None
        subprocess.run(command, check=True, capture_output=True, cwd=self._folder, timeout=60, user=user)

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = f"-c listen_addresses='' -c fsync=off -k {self._folder}"
        log = self._folder / "log"
        self._run("pg_ctl", "start", "-w", "-D", self._folder / "data", "-l", log, "-o", options)

    def stop(self) -> None:
        """End it at once, as a failure would."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", self._folder / "data")
