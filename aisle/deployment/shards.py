"""Shards of products and of their predictions: Parquet files in a folder or in an object store, by fsspec."""

import json
import re
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

from aisle.pipeline import atomic
from aisle.pipeline.errors import AisleError, some

SUFFIXES = (".parquet", ".pq")
WHOLE_AT_ONCE = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl"}
"""Protocols of stores where a file appears when it is whole; elsewhere it is written beside and renamed."""
ASKED = 16
"""Files looked at, at a time: an object store takes its time to answer."""
FOOTER = b"aisle"
"""Key in a Parquet file's metadata of what its predictions were made of."""


@dataclass(frozen=True)
class Shard:
    """A file of products.

    Parameters
    ----------
    address
        As fsspec opens it.
    place
        Below the folder that the pattern names; the predictions have the same place in theirs.
    rows
        How many products it has.
    digest
        SHA-256 of its size and its footer: names, types, and place, size and extremes of each column.
    """

    address: str
    place: str
    rows: int
    digest: str


def is_pattern(given: str) -> bool:
    """Return whether `--input` names shards: an address, or a name with wildcards that is no file itself."""
    return "://" in given or (any(sign in given for sign in "*?[") and not Path(given).exists())


def system(address: str) -> tuple[Any, str]:
    """Return the file system of an address, and its path there.

    Raises
    ------
    AisleError
        If there is no such kind, or the package that knows it is not installed.
    """
    try:
        import fsspec
    except ImportError:
        raise AisleError(
            "predicting shards takes the packages of the group `batch`: pip install '.[batch]', or "
            "'.[batch,s3]' for s3:// addresses"
        ) from None
    try:
        return fsspec.core.url_to_fs(address)
    except (ValueError, ImportError) as error:
        raise AisleError(f"{address} must be an address that fsspec knows here: {error}") from None


def find(pattern: str) -> list[Shard]:
    """Return the shards that a pattern names, by place.

    Raises
    ------
    AisleError
        If there is none, or one is no Parquet file.
    """
    files, path = system(pattern)
    paths = sorted(each for each in files.glob(path) if not files.isdir(each))
    if not paths:
        literal = re.sub(r"\[(?![]])", "[[]", pattern)
        told = f". Where a bracket is part of a name it must be {literal}" if "[" in pattern else ""
        raise AisleError(f"--input must name files; there is none that fits {pattern}{told}")
    if others := [each for each in paths if not each.lower().endswith(SUFFIXES)]:
        raise AisleError(
            f"shards must be Parquet files ({some(SUFFIXES)}), which can be read a part at a time; {pattern} "
            f"has {some(others)}. Name them alone, or predict one table with --input FILE"
        )
    root = fixed(path)
    with ThreadPoolExecutor(ASKED) as pool:
        facts = list(pool.map(lambda each: _facts(files, each), paths))
    return [
        Shard(files.unstrip_protocol(each), PurePosixPath(each).relative_to(root).as_posix(), *known)
        for each, known in zip(paths, facts, strict=True)
    ]


def fixed(path: str) -> PurePosixPath:
    """Return the folder that a pattern names before its first wildcard; `[[]` is a bracket, and none."""
    parts = PurePosixPath(path).parts[:-1]
    wild = [i for i, part in enumerate(parts) if any(sign in part.replace("[[]", "") for sign in "*?[")]
    return PurePosixPath(*(part.replace("[[]", "[") for part in (parts[: wild[0]] if wild else parts)))


def _facts(files: Any, path: str) -> tuple[int, str]:
    """Return how many rows a Parquet file has, and its digest."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with files.open(path, "rb") as file:
            end = file.seek(0, 2)
            file.seek(max(end - 8, 0))
            length = int.from_bytes(file.read(4), "little")
            file.seek(max(end - 8 - length, 0))
            footer = file.read()
            file.seek(0)
            rows = pq.ParquetFile(file).metadata.num_rows
    except (OSError, pa.ArrowException) as error:
        raise AisleError(f"{path} must be a whole Parquet file: {error}") from None
    return rows, sha256(f"{end} ".encode() + footer).hexdigest()


class Results:
    """The folder of predictions, one file a shard.

    Parameters
    ----------
    address
        A folder or an address; need not be there.
    key
        What all that is predicted depends on beside the shard: the package, the options.
    """

    def __init__(self, address: str, key: dict[str, Any]) -> None:
        self.address = address
        self._key = key
        self._files, self._path = system(address)

    @property
    def in_this_process(self) -> bool:
        """Whether no other process sees these files."""
        return "memory" in _protocols(self._files)

    def check_apart(self, pattern: str, shards: list[Shard]) -> None:
        """See that no prediction has a place that `--input` names too: of a shard, or of one of the next run.

        Raises
        ------
        AisleError
            If one has.
        """
        from fsspec.utils import glob_translate

        files, path = system(pattern)
        if _protocols(files) != _protocols(self._files):
            return
        named = re.compile(glob_translate(path))
        if both := [place for place in map(self._place, shards) if named.fullmatch(place)]:
            raise AisleError(
                f"--output must be a folder that --input does not name; {pattern} names {some(both)} too. "
                "Name another folder"
            )

    def metadata(self, shard: Shard) -> dict[bytes, bytes]:
        """Return what a shard's predictions say of themselves: of what they were made."""
        return {FOOTER: json.dumps({**self._key, "shard": shard.digest}, sort_keys=True).encode()}

    def missing(self, shards: list[Shard]) -> list[Shard]:
        """Return the shards that have no predictions yet.

        Raises
        ------
        AisleError
            If a file is there that was made of something else, or is none of ours.
        """
        if self._files.isfile(self._path):
            raise AisleError(f"--output must be a folder for shards; {self.address} is a file")
        with ThreadPoolExecutor(ASKED) as pool:
            there = list(pool.map(self._made_of, shards))
        other = [
            self._place(shard)
            for shard, found in zip(shards, there, strict=True)
            if found is not None and found != self.metadata(shard)[FOOTER]
        ]
        if other:
            raise AisleError(
                f"--output must be empty or hold predictions of the same products, package and options; "
                f"others made {some(other)}. Name another folder, or remove them"
            )
        return [shard for shard, found in zip(shards, there, strict=True) if found is None]

    def _place(self, shard: Shard) -> str:
        return f"{self._path.rstrip('/')}/{shard.place}"

    def _made_of(self, shard: Shard) -> bytes | None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        place = self._place(shard)
        if not self._files.exists(place):
            return None
        try:
            with self._files.open(place, "rb") as file:
                return (pq.read_schema(file).metadata or {}).get(FOOTER, b"")
        except (pa.ArrowException, IsADirectoryError):
            return b""

    @contextmanager
    def replacing(self, shard: Shard) -> Iterator[Path]:
        """Give a local path to write predictions to, which are at their place when all is written."""
        place = self._place(shard)
        if "file" in _protocols(self._files):
            with atomic.replacing(place) as part:
                yield part
            return
        with tempfile.TemporaryDirectory(prefix="aisle-") as folder:
            part = Path(folder, "shard.parquet")
            yield part
            self._files.makedirs(place.rpartition("/")[0], exist_ok=True)
            if WHOLE_AT_ONCE & _protocols(self._files):
                self._files.put_file(str(part), place)
                return
            beside = f"{place}.{sha256(place.encode()).hexdigest()[:8]}.part"
            self._files.put_file(str(part), beside)
            self._files.mv(beside, place)


def _protocols(files: Any) -> set[str]:
    return {files.protocol} if isinstance(files.protocol, str) else {*files.protocol}
