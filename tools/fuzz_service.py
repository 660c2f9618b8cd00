"""Ask a service whatever its OpenAPI file allows, and what it does not: thousands of cases by schemathesis.

  python tools/fuzz_service.py --model champion

starts a service on a free port, makes the cases, and fails where an answer is a 5xx or is not what the
file says, where fewer cases were made than asked for, or where the process has ended. Its memory is measured
before and after. The pages of the review are no part of that file; what they are sent is described here, with
a question that is open, and only a 5xx is a failure.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where this runs as a script

from aisle.deployment import packaging
from aisle.pipeline import atomic, cli
from aisle.pipeline.errors import AisleError
from tools.bench_service import free_port, post, running

RESULT = Path(__file__).resolve().parents[1] / "docs" / "benchmarks" / "service_cases.json"
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
FORM = "application/x-www-form-urlencoded"
TOKEN, QUESTION = (re.compile(rf'name="{name}" value="([^"]+)"') for name in ("token", "review"))
SUMMARY = re.compile(r"([\d,]+) generated, ([\d,]+) passed")


def memory(process: int) -> float:
    """Return the megabytes that a process has in memory."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return round(int(next(line.split()[1] for line in lines if line.startswith("VmRSS:"))) / 1024, 1)


def review(address: str, categories: list[str]) -> dict[str, Any]:
    """Return an OpenAPI file of the review's pages; products are sent first, so that there is a question."""
    sent = [{"id": f"sku-{i}", "title": f"{name} thing {i}"} for i in range(10) for name in ("blue", "red")]
    post(f"{address}/v1/classify", {"products": sent})
    end, question = time.monotonic() + 30, None
    while question is None and time.monotonic() < end:
        with urlopen(f"{address}/review", timeout=30) as answer:
            text = answer.read().decode()
        question = QUESTION.search(text)
        time.sleep(0.2)
    token = TOKEN.search(text)
    if question is None or token is None:
        raise AisleError("the review must have a question; it has none")
    text_of: dict[str, Any] = {"type": "string"}
    actions = ["decide", "skip", "undo", "sign_in", "sign_out"]
    fields = {
        "action": {"anyOf": [{"enum": actions}, text_of]},
        "token": {"anyOf": [{"const": token[1]}, {"const": token[1]}, text_of]},
        "review": {"anyOf": [{"const": question[1]}, text_of]},
        "category": {"anyOf": [{"enum": categories}, text_of]},
        **dict.fromkeys(("why", "key", "together"), text_of),
    }
    form = {"schema": {"type": "object", "properties": fields, "required": ["action", "token", "review"]}}

    def operation(*names: str, **more: Any) -> dict[str, Any]:
        given = [{"name": n, "in": "path", "required": True, "schema": text_of} for n in names]
        return {"parameters": given, "responses": {"default": {"description": "any"}}, **more}

    told = {"name": "told", "in": "query", "schema": text_of}
    paths = {
        "/review": {
            "get": operation() | {"parameters": [told]},
            "post": operation(requestBody={"required": True, "content": {FORM: form}}),
        },
        "/review/picture/{review}": {"get": operation("review")},
        "/review/static/{name}": {"get": operation("name")},
    }
    return {"openapi": "3.1.0", "info": {"title": "review", "version": "0"}, "paths": paths}


def asked(schema: str, flags: list[str], folder: Path) -> tuple[int, int]:
    """Return how many cases schemathesis made of an OpenAPI file, and how many passed.

    Raises
    ------
    AisleError
        If one did not.
    """
    tool = str(Path(sys.executable).with_name("schemathesis"))
    command = [tool, "run", schema, *flags, "--no-color", "--continue-on-failure"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=os.environ, check=False)
    match = SUMMARY.search(done.stdout)
    if done.returncode or match is None:
        raise AisleError(
            f"every case must pass; schemathesis says: {done.stdout[-3000:]} {done.stderr[-500:]}"
        )
    made, passed = (int(each.replace(",", "")) for each in match.groups())
    return made, passed


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
        flags = ["--max-examples", str(examples), "--seed", str(seed), "--checks"]
        made, passed = asked(f"{address}/openapi.json", [*flags, ",".join(CHECKS)], folder)
        pages = folder / "review.json"
        pages.write_text(json.dumps(review(address, packaging.read(package).categories)))
        more, right = asked(str(pages), [*flags, CHECKS[0], "--url", address], folder)
        return {
            "cases": made + more,
            "passed": passed + right,
            "review_cases": more,
            "rss_before_mb": before,
            "rss_after_mb": memory(process),
        }


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
