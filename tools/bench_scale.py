"""What large catalogues cost: seconds and memory, on generated products and on what is in ../shared.

  python tools/bench_scale.py near_duplicates encoding
  python tools/bench_scale.py pipeline --products 1000 10000

A part replaces its own figures in docs/benchmarks/scale.json and leaves the others'. Each figure is measured
in a process of its own, one after the other; `peak_mb` counts a process and its children. Run it on an idle
machine.
"""

import argparse
import importlib
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where this runs as a script

from aisle.pipeline import atomic, cli
from tools.measured import cores

RESULT = Path(__file__).resolve().parents[1] / "docs" / "benchmarks" / "scale.json"
PARTS = ("near_duplicates", "encoding", "ray_engine", "pipeline", "memory", "peers")
SIZED = ("pipeline", "memory")
"""Parts that are measured at the sizes that are asked for."""


def main() -> None:
    """Measure the parts that are asked for, one after the other."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="+", choices=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--products", type=int, nargs="+", help=f"sizes, of {', '.join(SIZED)}")
    parser.add_argument("--json", type=Path, default=RESULT, help="result (%(default)s)")
    args = parser.parse_args()
    for part in args.parts:
        sizes = {"products": args.products} if part in SIZED and args.products else {}
        figures = importlib.import_module(f"tools.scale.{part}").measure(**sizes)
        known = json.loads(args.json.read_text(encoding="utf-8")) if args.json.exists() else {}
        known[part] = {"cores": cores(), **figures}
        atomic.write_text(args.json, json.dumps(dict(sorted(known.items())), indent=2) + "\n")
        print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    cli.run(main, children=True)
