"""Time the pipeline at an old commit and at a new one, in one run; write docs/benchmarks/repro.json.

Three parts: `cold`, what `make repro` runs in a fresh clone with empty caches (DVC's, of items, of weights):
tools/repro.py where the commit has it, else `dvc repro`; `noop`, a `dvc repro` that has nothing to do;
`variant`, `dvc exp run evaluate` with another dropout of a fusion network. The two commits take turns, and
each ratio is the new one's median over the old one's: below 1 is faster. The environment's own minutes are
not in it: both use the one that runs this, or those that are named.

A run that was not what its part is named for is an error and no figure. A newcomer's `make repro` leaves out
a stage whose outputs are in Git and still right, and one whose outputs, to the byte, a sibling has just made;
any other stage that did not run is the error. With `--force` every stage runs, one after another (`dvc repro
--force`), so that both commits do their whole work, as with `make times`.

The clones lie in the temporary folder (TMPDIR). Run it on an idle machine.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from statistics import median
from typing import Any

from tabulate import tabulate

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where this runs as a script

from aisle.pipeline import atomic, cli
from aisle.pipeline.errors import AisleError, some
from aisle.pipeline.params import read_yaml
from tools import stage_times

RESULT = stage_times.ROOT / "docs" / "benchmarks" / "repro.json"
OLD = "89f9e67"
VARIANT = "fusion_networks.networks.dense_2.dropout=0.25"
TARGET, REPRO = "evaluate", "tools/repro.py"
"""The stage up to which a variant runs; what `make repro` calls."""
STEP = Decimal("0.01")
"""What each further variant adds to the parameter, for DVC would take over a result that it has."""
PARTS = ("cold", "noop", "variant")
GIVEN = ("test_seconds", "ci_seconds")
"""Figures that are measured elsewhere."""
OWN = ("AISLE_", "DVC_", "GIT_", "MLFLOW_")
"""Variables of the caller that must not reach the runs: they name caches, repositories and servers."""
RESTORED = re.compile(r"Stage '(.+)' is cached - skipping run")
UNCHANGED = re.compile(r"Stage '(.+)' didn't change, skipping")
START = time.perf_counter()


def say(text: str) -> None:
    """Print a line of progress, with the seconds since the start."""
    print(f"{time.perf_counter() - START:8.1f} s  {text}", file=sys.stderr, flush=True)


@dataclass
class Outcome:
    """What DVC did with the stages, by their addresses, and the seconds of the whole command."""

    ran: list[str] = field(default_factory=list)
    restored: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    seconds: float = 0.0


def note(line: str, outcome: Outcome) -> str:
    """Add what a line of DVC's output says of a stage; return the stage if it starts to run, else ''."""
    for pattern, stages in ((RESTORED, outcome.restored), (UNCHANGED, outcome.unchanged)):
        if found := pattern.search(line):
            stages.append(found[1])
    if found := stage_times.STAGE.search(line):
        outcome.ran.append(found[1])
    return found[1] if found else ""


def check_cold(ran: Iterable[str], stages: Iterable[str], spared: Iterable[str] = ()) -> None:
    """Refuse a run in which a stage did not run, but for those that may be spared."""
    if left := sorted({*stages}.difference(ran, spared)):
        raise AisleError(
            f"from cold every stage of `dvc stage list` must run; {len(left)} did not: {some(left)}. "
            "Look into the commit's dvc.yaml: a frozen stage, say, is never run"
        )


def check_noop(outcome: Outcome) -> None:
    """Refuse a run that had something to do."""
    if found := outcome.ran + outcome.restored:
        raise AisleError(f"a no-op must leave every stage as it is; it ran or restored {some(found)}")


def check_variant(outcome: Outcome) -> None:
    """Refuse an experiment that did not come to the last stage, or took over what another had made."""
    if TARGET not in outcome.ran or outcome.restored:
        raise AisleError(
            f"a variant must run {TARGET} and what changes before it, and restore nothing; it ran "
            f"{some(outcome.ran) or 'nothing'} and restored {some(outcome.restored) or 'nothing'}. "
            "Name another parameter or value: --old-variant, --new-variant"
        )


def ask(folder: Path, *command: str, environment: Mapping[str, str] | None = None) -> str:
    """Return what a command prints; a failure is an AisleError."""
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AisleError(f"`{' '.join(command)}` must work in {folder}; it says: {done.stderr.strip()}")
    return done.stdout


def committed_stages(clone: Path) -> set[str]:
    """Return the stages of dvc.lock whose outputs are all in Git, those without outputs among them."""
    files = ask(clone, "git", "ls-files", "-z").split("\0")
    tracked = {*files, *(str(parent) for file in files for parent in Path(file).parents)}
    stages = read_yaml(clone / "dvc.lock")["stages"]
    return {
        name for name, stage in stages.items() if {out["path"] for out in stage.get("outs", [])} <= tracked
    }


def variant(parameter: str, number: int) -> str:
    """Return the assignment `NAME=VALUE`, its value `number` steps higher."""
    name, _, text = parameter.rpartition("=")
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("nan")
    if not name or not value.is_finite():
        raise AisleError(f"a variant must be NAME=NUMBER, such as {VARIANT}, not {parameter!r}")
    return f"{name}={value + number * STEP}"


@dataclass
class Side:
    """One of the two commits: its folder, with a clone and caches of its own, and its seconds by part."""

    name: str
    source: Path
    commit: str
    programs: Path
    variant: str
    force: bool
    folder: Path
    seconds: dict[str, list[float]] = field(default_factory=lambda: {part: [] for part in PARTS})
    stages: int = 0
    ran: int = 0

    @property
    def clone(self) -> Path:
        """The clone's folder."""
        return self.folder / "aisle"

    def environment(self) -> dict[str, str]:
        """Return the caller's environment with this side's programs, code and caches, and no other's."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OWN)}
        who = {f"GIT_{role}_NAME": "aisle" for role in ("AUTHOR", "COMMITTER")}
        who |= {f"GIT_{role}_EMAIL": "aisle@localhost" for role in ("AUTHOR", "COMMITTER")}
        folders = {
            "AISLE_CACHE": "items",
            "AISLE_WEIGHTS": "weights",
            "DVC_SITE_CACHE_DIR": "site",
            "DVC_GLOBAL_CONFIG_DIR": "global",
            "DVC_SYSTEM_CONFIG_DIR": "system",
            "XDG_CACHE_HOME": "cache",
            "TMPDIR": "tmp",  # libraries keep caches there, too
        }
        own = {name: str(self.folder / folder) for name, folder in folders.items()}
        own |= {"PATH": stage_times.search_path(self.programs), "PYTHONPATH": str(self.clone)}
        return kept | who | own | {"DVC_NO_ANALYTICS": "true"}

    def prepare(self) -> None:
        """Make the folder anew, with nothing in it but the clone."""
        if self.folder.exists():
            shutil.rmtree(self.folder)
        (self.folder / "tmp").mkdir(parents=True)
        stage_times.clone(self.clone, self.source, self.commit)

    def run(self, part: str, *command: str) -> Outcome:
        """Run a program, say which stages run, and return what it did."""
        outcome, start = Outcome(), time.perf_counter()
        with closing(stage_times.lines(self.clone, self.environment(), *command)) as timed:
            for _, line in timed:
                if stage := note(line, outcome):
                    say(f"{self.name} {part}: {stage} ({len(outcome.ran)})")
        outcome.seconds = time.perf_counter() - start
        say(f"{self.name} {part}: {outcome.seconds:.1f} s, {len(outcome.ran)} stages ran")
        return outcome

    def cold(self) -> float:
        """Run the pipeline from cold; return its seconds."""
        self.prepare()
        tool = ["python", REPRO] if (self.clone / REPRO).is_file() else ["dvc", "repro"]
        outcome = self.run("cold", *(["dvc", "repro", "--force"] if self.force else tool))
        listing = ask(self.clone, "dvc", "stage", "list", "--name-only", environment=self.environment())
        stages = listing.split()
        spared: set[str] = set()
        if not self.force:  # the caches were empty: what was restored, this run has made
            spared = committed_stages(self.clone).union(outcome.restored)
        check_cold(outcome.ran, stages, spared)
        self.stages, self.ran = len(stages), len(outcome.ran)
        return outcome.seconds

    def noop(self) -> float:
        """Run the pipeline when it has nothing to do; return its seconds."""
        outcome = self.run("noop", "dvc", "repro")
        check_noop(outcome)
        return outcome.seconds

    def experiment(self, number: int) -> float:
        """Run a variant as far as TARGET; return its seconds."""
        parameter = variant(self.variant, number)
        outcome = self.run(f"variant {parameter}", "dvc", "exp", "run", TARGET, "--set-param", parameter)
        check_variant(outcome)
        return outcome.seconds


def warm_up(programs: Path) -> None:
    """Read an environment's largest libraries once: no side pays for the first look at the disk."""
    for library in ("torch", "tensorflow", "openvino"):  # each alone: the first two do not get along
        ask(programs, str(programs / "python"), "-c", f"import {library}")


def turns(sides: Sequence[Side], rounds: int) -> Iterator[tuple[int, Side]]:
    """Yield each round's number with each side, the last side first, then each round the other way round.

    So whatever the very first run warms, beyond `warm_up`, is on the new commit's account.
    """
    for number in range(rounds):
        for side in sides if number % 2 else reversed(sides):
            yield number, side


def measure(sides: Sequence[Side], parts: Sequence[str], rounds: dict[str, int]) -> None:
    """Fill in the seconds of the sides; the pipeline runs from cold also where no part asks for it."""
    for _, side in turns(sides, rounds["cold"] if "cold" in parts else 1):
        seconds = side.cold()
        if "cold" in parts:
            side.seconds["cold"].append(seconds)
    for _, side in turns(sides, rounds["noop"] if "noop" in parts else 0):
        side.seconds["noop"].append(side.noop())
    for number, side in turns(sides, rounds["variant"] if "variant" in parts else 0):
        side.seconds["variant"].append(side.experiment(number))


def summary(old: Side, new: Side) -> dict[str, Any]:
    """Return the figures; a part that was not measured is null."""
    result: dict[str, Any] = {
        "cores": len(os.sched_getaffinity(0)),
        "commit_old": old.commit,
        "commit_new": new.commit,
    }
    for part in PARTS:
        theirs, ours = old.seconds[part], new.seconds[part]
        result[f"{part}_ratio"] = round(median(ours) / median(theirs), 3) if ours else None
    for part in PARTS:
        for side in (old, new):
            result[f"{part}_seconds_{side.name}"] = [round(each, 2) for each in side.seconds[part]] or None
    return result | {
        "stages": new.stages,
        "stages_old": old.stages,
        "ran_old": old.ran,
        "ran_new": new.ran,
        "lock_lines": len((new.clone / "dvc.lock").read_text(encoding="utf-8").splitlines()),
    }


def given(args: argparse.Namespace) -> dict[str, float | None]:
    """Return the figures that are measured elsewhere: as given, else those of the file, else null."""
    before = json.loads(args.json.read_text(encoding="utf-8")) if args.json.is_file() else {}
    values = {name: getattr(args, name) for name in GIVEN}
    return {name: before.get(name) if value is None else value for name, value in values.items()}


def programs(environment: Path) -> Path:
    """Return the folder of an environment's programs."""
    folder = environment.resolve() / "bin"
    if not (folder / "dvc").is_file():
        raise AisleError(
            f"{environment} must be a virtual environment with DVC; there is no {folder / 'dvc'}"
        )
    return folder


def listed(text: str) -> list[str]:
    """Return the parts that an argument names."""
    parts = text.split(",")
    if not set(parts) <= set(PARTS):
        raise argparse.ArgumentTypeError(f"must be some of {','.join(PARTS)}, not {text!r}")
    return parts


def positive(text: str) -> int:
    """Return a whole number of at least 1."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, not {text!r}")
    return int(text)


def arguments() -> argparse.Namespace:
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--old", default=OLD, help="commit to compare with (%(default)s)")
    add("--new", default="HEAD", help="commit that is compared (%(default)s)")
    add("--parts", type=listed, default=list(PARTS), help=f"({','.join(PARTS)})")
    add("--repeats", type=positive, default=1, help="cold runs of each commit (%(default)s)")
    add("--force", action="store_true", help="from cold all stages, one after another, see above")
    add("--noop-repeats", type=positive, default=5, help="no-ops of each (%(default)s)")
    add("--variant-repeats", type=positive, default=3, help="variants of each (%(default)s)")
    for side in ("old", "new"):
        add(f"--{side}-variant", default=VARIANT, metavar="NAME=NUMBER", help="(%(default)s)")
        add(
            f"--{side}-environment",
            type=Path,
            default=Path(sys.prefix),
            help="virtual environment (the one that runs this)",
        )
    for name in GIVEN:
        add(f"--{name.replace('_', '-')}", type=float, help="measured elsewhere (that of the file)")
    add("--repository", type=Path, default=stage_times.ROOT, help="what is cloned (%(default)s)")
    add("--json", type=Path, default=RESULT, help="result (%(default)s)")
    return parser.parse_args()


def main() -> None:
    """Clone, run, write the JSON, print the table."""
    args = arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # then too, the clones go
    source, elsewhere = args.repository.resolve(), given(args)
    with tempfile.TemporaryDirectory(prefix="bench-repro-") as folder:
        sides = [
            Side(
                name,
                source,
                ask(source, "git", "rev-parse", "--verify", f"{getattr(args, name)}^{{commit}}").strip(),
                programs(getattr(args, f"{name}_environment")),
                getattr(args, f"{name}_variant"),
                args.force,
                Path(folder) / name,
            )
            for name in ("old", "new")
        ]
        for side in sides:
            variant(side.variant, 0)  # a bad one is an error now, not after the cold runs
            say(f"{side.name}: {side.commit}")
        for environment in sorted({side.programs for side in sides}):
            warm_up(environment)
        rounds = {"cold": args.repeats, "noop": args.noop_repeats, "variant": args.variant_repeats}
        measure(sides, args.parts, rounds)
        result = summary(*sides) | elsewhere
    args.json.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_text(args.json, json.dumps(result, indent=2) + "\n")
    table = [
        (part, *(median(side.seconds[part]) for side in sides), result[f"{part}_ratio"])
        for part in args.parts
    ]
    print(tabulate(table, ["part", "old, seconds", "new, seconds", "ratio"], "github"))


if __name__ == "__main__":
    cli.run(main, children=True)
