"""Ask a service whatever its OpenAPI file allows, and what it does not: thousands of cases by schemathesis.

  python tools/fuzz_service.py --model champion

starts a service on a free port, makes the cases, and fails where an answer is a 5xx or is not what the
file says, where fewer cases were made than asked for, or where the process has ended. Its memory is measured
before and after.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where this runs as a script

from aisle.deployment import packaging
from aisle.pipeline import atomic, cli
from aisle.pipeline.errors import AisleError
from tools.bench_service import free_port, running

RESULT = Path(__file__).resolve().parents[1] / "docs" / "benchmarks" / "service_cases.json"
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
SUMMARY = re.compile(r"([\d,]+) generated, ([\d,]+) passed")


def memory(process: int) -> float:
    """Return the megabytes that a process has in memory."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return round(int(next(line.split()[1] for line in lines if line.startswith("VmRSS:"))) / 1024, 1)


def fuzz(package: Path, examples: int, seed: int, folder: Path) -> dict[str, float]:
    """Return how many cases were made and passed, and the memory before and after.

    Raises
    ------
    AisleError
        If one did not pass.
    """
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    store = ["--database", f"sqlite:///{folder}/service.db"]
    command = [sys.executable, "-m", "aisle.service", "--model", str(package), "--port", str(port), *store]
    with running("service", command, f"{address}/v1/classify", {"title": "clock"}, folder) as (process, _):
        before = memory(process)
        tool = str(Path(sys.executable).with_name("schemathesis"))
        flags = ["--max-examples", str(examples), "--checks", ",".join(CHECKS), "--seed", str(seed)]
        asked = [tool, "run", f"{address}/openapi.json", *flags, "--no-color", "--continue-on-failure"]
        done = subprocess.run(asked, cwd=folder, capture_output=True, text=True, env=os.environ, check=False)
        match = SUMMARY.search(done.stdout)
        if done.returncode or match is None:
            raise AisleError(f"every case must pass; schemathesis says: {done.stdout[-3000:]}")
        made, passed = (int(each.replace(",", "")) for each in match.groups())
        return {"cases": made, "passed": passed, "rss_before_mb": before, "rss_after_mb": memory(process)}


def main() -> None:
    """Read the command line, make the cases, write what came of them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--model", default="champion", help="package, or its name below packages/ (%(default)s)"
    )
    parser.add_argument("--examples", type=int, default=200, help="of each operation (%(default)s)")
    parser.add_argument("--cases", type=int, default=2000, help="that must come of them (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", default=str(RESULT), metavar="PATH", help="(%(default)s)")
    args = parser.parse_args()
    package = packaging.find(args.model).resolve()
    with tempfile.TemporaryDirectory(prefix="aisle-fuzz-") as folder:
        found = fuzz(package, args.examples, args.seed, Path(folder))
    if found["cases"] < args.cases:
        raise AisleError(f"{args.cases} cases must be made; {found['cases']} were: raise --examples")
    atomic.write_text(args.output, json.dumps(found, indent=2) + "\n")
    print(json.dumps(found))


if __name__ == "__main__":
    cli.run(main, children=True)
