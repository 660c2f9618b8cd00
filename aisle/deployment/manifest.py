"""The manifest of a package: SHA-256 of each of its files, checked before anything is loaded from them.

It tells a package that was cut, mixed or changed from one that is whole. It is no signature: who can write
the package can write its manifest too (docs/security.md).
"""

import json
from hashlib import sha256
from pathlib import Path

from aisle.pipeline import atomic
from aisle.pipeline.errors import AisleError, some
from aisle.pretrained.description import digest

FILE, FORM = "manifest.json", 3
"""The form of packages: 1 had pickles and no manifest, 2 a threshold without a bound."""
ANEW = "`dvc repro champion` makes packages/champion and packages/challenger anew."

Stamp = tuple[int, int, int]
"""Inode, size and time of change in nanoseconds."""


def files(folder: Path) -> dict[str, Path]:
    """Return each file of a folder but its manifest, place to path."""
    found = sorted(path for path in folder.rglob("*") if not path.is_dir())
    return {path.relative_to(folder).as_posix(): path for path in found if path != folder / FILE}


def write(folder: Path) -> None:
    """Write the manifest of what a folder holds."""
    facts = {"form": FORM, "files": {place: digest(path) for place, path in files(folder).items()}}
    atomic.write_text(folder / FILE, json.dumps(facts, indent=2) + "\n")


def identity(folder: str | Path) -> str:
    """Return what tells a package from every other: SHA-256 of its manifest, which has those of its files."""
    return digest(Path(folder) / FILE)


def _read(folder: Path) -> dict[str, str]:
    try:
        facts = json.loads((folder / FILE).read_bytes())
        form, listed = facts["form"], facts["files"]
        whole = form != FORM or all(isinstance(each, str) for pair in listed.items() for each in pair)
    except FileNotFoundError:
        raise AisleError(
            f"{folder} must be a package with {FILE}; it has none: it is older, or not whole. What it holds "
            f"is not read, since an older one's pickles can run code. {ANEW}"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AisleError(f"{folder}/{FILE} must be as aisle writes it ({error!r}). {ANEW}") from None
    if form != FORM or not whole:
        raise AisleError(f"{folder} must be a package of form {FORM}, not {form!r}. {ANEW}")
    return dict(listed)


class Contents:
    """The files of one package, as they were when it was opened; another package's are never among them.

    Parameters
    ----------
    folder
        The package.

    Raises
    ------
    AisleError
        If a file is missing, is not in the manifest, or is not the one of the manifest.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._digests = _read(self.folder)
        there = files(self.folder)
        wrong = {
            "lacks": sorted({*self._digests} - {*there}),
            "has, unlisted,": sorted({*there} - {*self._digests}),
        }
        if any(wrong.values()):
            said = "; ".join(f"it {what} {some(names)}" for what, names in wrong.items() if names)
            raise AisleError(f"{folder} must hold what its {FILE} lists and no more; {said}. {ANEW}")
        self._stamps: dict[str, Stamp] = {}
        self.check()

    @property
    def places(self) -> list[str]:
        """The files, by their paths in the package."""
        return list(self._digests)

    def read(self, place: str) -> bytes:
        """Return a file's bytes; what is returned is what was checked."""
        data = self._path(place).read_bytes()
        if sha256(data).hexdigest() != self._digests[place]:
            raise self._changed(place)
        return data

    def check(self, below: str = "") -> None:
        """See that the files, or those below a folder, are those of the manifest.

        A file that was looked at is looked at again only if it was written or replaced since.
        """
        for place, expected in self._digests.items():
            if not place.startswith(below):
                continue
            path = self._path(place)
            try:
                facts = path.stat()
                stamp = facts.st_ino, facts.st_size, facts.st_mtime_ns
                if self._stamps.get(place) != stamp and digest(path) != expected:
                    raise self._changed(place)
            except FileNotFoundError:
                raise self._changed(place) from None
            self._stamps[place] = stamp

    def _path(self, place: str) -> Path:
        return self.folder / place

    def _changed(self, place: str) -> AisleError:
        return AisleError(
            f"{self.folder} must be as its {FILE} says; {place} is another file: the package is damaged, was "
            f"changed, or was replaced while it was in use (then open it again). {ANEW}"
        )
