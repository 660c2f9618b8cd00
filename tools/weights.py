"""Download the official files of every pretrained model into the store, and record the digests that are null.

What is there and right is not downloaded again; a broken download goes on where it stopped. The digest of a
file that params.yaml does not state yet is written there, and later downloads must match it. Then set a
model's `source: official` and run `dvc repro`. Exit status 2 if something could not be had.
"""

import argparse
import sys
from pathlib import Path

from ruamel.yaml import YAML
from tabulate import tabulate

from aisle import fetching
from aisle.cli import run
from aisle.errors import AisleError
from aisle.params import load_params
from aisle.weights import WeightsFile, WeightsParams, digest


def record(params: Path, name: str, file_name: str, sha256: str) -> None:
    """Write a digest in the place of a `sha256: null` of params.yaml; all else stays as it is.

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
    params.write_text("".join(lines), encoding="utf-8")


def supply(name: str, file_name: str, file: WeightsFile) -> tuple[Path, bool]:
    """Return a verified file of the store and whether it was there before.

    Raises
    ------
    AisleError
        If it cannot be had or has the wrong digest.
    """
    there = (fetching.store() / name / file_name).is_file()
    path = fetching.download(name, file_name, file)
    fetching.verify(path, file, f"{name}: {path}")
    return path, there


def main() -> None:
    """Fetch all, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="entries of params.yaml: weights (all)")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), help="parameters (%(default)s)")
    args = parser.parse_args()
    entries = load_params(args.params, "weights", dict[str, WeightsParams])
    if unknown := sorted(set(args.names) - set(entries)):
        raise AisleError(f"names must be entries of {args.params}: weights; not {', '.join(unknown)}")
    rows, failures = [], []
    for name in args.names or entries:
        for file_name, file in entries[name].files.items():
            try:
                path, there = supply(name, file_name, file)
                if file.sha256 is None:
                    record(args.params, name, file_name, digest(path))
                state = "there" if there else "downloaded"
                state += ", sha256 recorded" if file.sha256 is None else ""
            except AisleError as error:
                state = "could not be had"
                failures.append(str(error).removesuffix(fetching.WAYS_OUT).strip())
            rows.append(
                (name, file_name, f"{file.megabytes:g}", entries[name].licence, entries[name].source, state)
            )
    print(tabulate(rows, ["model", "file", "MB", "licence", "source in use", "official file"], "simple"))
    for failure in failures:
        print(failure, file=sys.stderr)
    if failures:
        raise AisleError(
            f"{len(failures)} of {len(rows)} files could not be had, see above. {fetching.WAYS_OUT}"
        )


if __name__ == "__main__":
    run(main)
