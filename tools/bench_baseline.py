"""Time the baseline on a large catalogue of names at an old commit and at a new one; write its JSON.

    python tools/bench_baseline.py /path/to/flipkart20k

Each commit's own pipeline makes texts and folds of the catalogue (categories: first segments of the path), in
a clone with an empty DVC cache; then its stage of the baseline is run alone, by turns, and timed as a whole
process with all that it starts. `ratio` is the new one's seconds over the old one's, `cpu_ratio` that of the
processors' seconds, which another program on the machine changes less. The half-width of the accuracy's 95 %
interval, by one bootstrap of near-duplicate groups for both, says what the time bought.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where this runs as a script

import pandas as pd
from tabulate import tabulate

from aisle.evaluation.revision_comparison import interval
from aisle.pipeline import atomic, cli
from aisle.pipeline.errors import AisleError
from tools import stage_times

RESULT = stage_times.ROOT / "docs" / "benchmarks" / "baseline.json"
OLD = "89f9e67"
MAPPING = """\
catalogue:
  name: large
  table: {table}
  images: .
  columns: {{id: uniq_id, title: product_name}}
  category: {{column: product_category_tree, separator: ">>", level: 1}}
classifiers:
  {model}:
    options: {options}
"""
PREPARE = """
import sys
from pathlib import Path
from tools import study
name = study.write_params(Path(".studies"), Path(sys.argv[1]), Path(sys.argv[2]))
study.prepare(Path(".studies") / name)
if hasattr(study, "copy_given"):
    study.copy_given(Path(".studies") / name, Path(sys.argv[1]))
"""


@dataclass
class Side:
    """One of the two commits, its clone, the name and options of its baseline, and what was measured."""

    commit: str
    clone: Path
    model: str
    options: str
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)

    @property
    def workspace(self) -> Path:
        """Where the pipeline runs."""
        return self.clone / ".studies" / "large"

    def call(self, folder: Path, *command: str) -> None:
        """Run a command in a folder with this side's code."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AISLE_", "DVC_"))}
        path = stage_times.search_path(Path(sys.executable).parent)
        environment = kept | {"PATH": path, "PYTHONPATH": str(folder), "AISLE_CACHE": "off"}
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            told = (done.stderr or done.stdout).strip()[-500:]
            raise AisleError(f"`{' '.join(command[:4])}` must work at {self.commit}; it says: {told}")

    def prepare(self, catalogue: Path) -> None:
        """Make texts and folds."""
        stage_times.clone(self.clone, stage_times.ROOT, self.commit)
        (table,) = catalogue.glob("*.csv")
        mapping = self.clone.with_suffix(".yaml")
        mapping.write_text(MAPPING.format(table=table.name, model=self.model, options=self.options))
        self.call(self.clone, "python", "-c", PREPARE, str(catalogue), str(mapping))
        self.call(self.workspace, "dvc", "repro", "preprocess_text", "make_folds")
        self.call(self.workspace, "dvc", "repro", f"classify@{self.model}")  # the first time reads libraries

    def run(self) -> None:
        """Run the baseline's stage, and keep its seconds."""
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        self.call(self.workspace, "dvc", "repro", "--single-item", "--force", f"classify@{self.model}")
        self.seconds.append(time.perf_counter() - start)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.cpu_seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)

    def score(self) -> dict[str, Any]:
        """Return the accuracy out of fold, the half-width of its interval, and how often it was predicted."""
        (path,) = self.workspace.glob(f"predictions/**/{self.model}.parquet")
        table = pd.read_parquet(path)
        table = table[(table["protocol"] == "cv") & (table["inner_fold"] == -1)]
        names = [str(column) for column in table if str(column).startswith("p_")]
        predicted = table[names].idxmax(axis=1).map(lambda name: str(name).removeprefix("p_"))
        right = (predicted == table["category"].astype(str)).groupby(table["product_id"].astype(str)).mean()
        groups = pd.read_parquet(self.workspace / "data/folds.parquet").set_index("product_id")["group"]
        low, high = interval(right.to_numpy(float), groups.loc[right.index].to_numpy())
        return {
            "accuracy": round(float(right.mean()), 4),
            "half_width": round((high - low) / 2, 5),
            "repeats": int(table["repeat"].nunique()),
            "products": len(right),
            "categories": len(names),
        }


def main() -> None:
    """Prepare both sides, run them by turns, write the JSON, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("catalogue", type=Path, help="folder with one CSV: uniq_id, product_name, ...")
    parser.add_argument("--repeats", type=int, default=1, help="runs of each (%(default)s)")
    parser.add_argument("--json", type=Path, default=RESULT, help="result (%(default)s)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-baseline-") as folder:
        head = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=stage_times.ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()
        own = "{fields: [title], solver: one_vs_rest}"
        old = Side(OLD, Path(folder, "old"), "text_floor", "{fields: [title]}")
        sides = {"old": old, "new": Side(head, Path(folder, "new"), "text_baseline", own)}
        for side in sides.values():
            side.prepare(args.catalogue.resolve())
        for _ in range(args.repeats):
            for side in sides.values():
                side.run()
        scores = {name: side.score() for name, side in sides.items()}
    found: dict[str, Any] = {"commit_old": OLD, "commit_new": head}
    for key, values in (("ratio", "seconds"), ("cpu_ratio", "cpu_seconds")):
        first, second = (median(getattr(side, values)) for side in sides.values())
        found[key] = round(second / first, 3)
        found |= {f"{values}_old": round(first, 1), f"{values}_new": round(second, 1)}
    found |= {f"{key}_{name}": value for name, each in scores.items() for key, value in each.items()}
    atomic.write_text(args.json, json.dumps(found, indent=2) + "\n")
    print(tabulate(found.items(), tablefmt="github"))


if __name__ == "__main__":
    cli.run(main, children=True)
