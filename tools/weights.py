"""Download the official files of every pretrained model into the store, and record the digests that are null.

What is there and right is not downloaded again; a broken download goes on where it stopped. A file of which
weights.yaml states no digest is left alone, unless --accept-unknown says that the first download is to be
believed; its digest is then written there, and later downloads must match it. Then set a
model's `source: official` and run `dvc repro`. Exit status 2 if something could not be had.
"""

import argparse
import sys
from pathlib import Path

from ruamel.yaml import YAML
from tabulate import tabulate

from aisle.pipeline import atomic
from aisle.pipeline.cli import run
from aisle.pipeline.errors import AisleError
from aisle.pipeline.params import load_params
from aisle.pretrained import download
from aisle.pretrained.description import digest
from aisle.pretrained.sources import WeightsFile, WeightsParams


def record(params: Path, name: str, file_name: str, sha256: str) -> None:
    """Write a digest in the place of a `sha256: null` of weights.yaml; all else stays as it is.

    Raises
    ------
    AisleError
        If there is no such place.
    """
    text = params.read_text(encoding="utf-8")
    place = YAML().load(text)["weights"][name]["files"][file_name]
    line, column = place.lc.value("sha256") if "sha256" in place else (0, 0)
    lines = text.splitlines(keepends=True)
    head, tail = lines[line][:column], lines[line][column:]
    if not (head.rstrip().endswith("sha256:") and tail.startswith("null")):
        entry = f"weights.{name}.files.{file_name}"
        raise AisleError(f"{entry} must say `sha256: null` to be filled in; write `sha256: {sha256}` there")
    lines[line] = head + sha256 + tail.removeprefix("null")
    atomic.write_text(params, "".join(lines))


def supply(name: str, file_name: str, file: WeightsFile, accept: bool = False) -> tuple[Path, bool]:
    """Return a verified file of the store and whether it was there before.

    Parameters
    ----------
    name, file_name, file
        The entry, one of its files, and what weights.yaml says of it.
    accept
        Whether a file without any digest may be believed.

    Raises
    ------
    AisleError
        If it cannot be had or has the wrong digest.
    """
    if not (file.sha256 or file.md5 or accept):
        raise AisleError(
            f"{name}: {file_name} has no digest in weights.yaml, so that anything would be believed. If you "
            f"trust {file.url} and the way to it, `make weights ACCEPT=1` (--accept-unknown) downloads it "
            "and records its digest"
        )
    there = (download.store() / name / file_name).is_file()
    path = download.download(name, file_name, file)
    download.verify(path, file, f"{name}: {path}")
    return path, there


def main() -> None:
    """Fetch all, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="entries of weights.yaml (all)")
    parser.add_argument(
        "--file", type=Path, default=Path("weights.yaml"), help="facts of the weights (%(default)s)"
    )
    parser.add_argument(
        "--accept-unknown", action="store_true", help="believe files without a digest, and record theirs"
    )
    args = parser.parse_args()
    entries = load_params(args.file, "weights", dict[str, WeightsParams])
    if unknown := sorted(set(args.names) - set(entries)):
        raise AisleError(f"names must be entries of {args.file}: weights; not {', '.join(unknown)}")
    rows, failures = [], []
    for name in args.names or entries:
        for file_name, file in entries[name].files.items():
            try:
                path, there = supply(name, file_name, file, args.accept_unknown)
                if file.sha256 is None:
                    record(args.file, name, file_name, digest(path))
                state = "there" if there else "downloaded"
                state += ", sha256 recorded" if file.sha256 is None else ""
            except AisleError as error:
                state = "could not be had"
                failures.append(str(error).removesuffix(download.WAYS_OUT).strip())
            rows.append(
                (name, file_name, f"{file.megabytes:g}", entries[name].licence, entries[name].source, state)
            )
    print(tabulate(rows, ["model", "file", "MB", "licence", "source in use", "official file"], "simple"))
    for failure in failures:
        print(failure, file=sys.stderr)
    if failures:
        raise AisleError(
            f"{len(failures)} of {len(rows)} files could not be had, see above. {download.WAYS_OUT}"
        )


if __name__ == "__main__":
    run(main)
