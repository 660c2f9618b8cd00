"""Run the whole loop on the built-in catalogue, in some minutes: a champion of few labels becomes better.

The pipeline learns from a part of the sample's labels. The service answers the products of the stream, drift
is found among them, and the running experiments are judged. A script, as people would, answers the questions
of the review page; their labels come back into data/labels.csv; a candidate is retrained, judged by the
gates, merged, and the service swaps it in, without a restart. The report shows it all.

Everything happens in .demo/ (--folder), made anew each time, on loopback.
"""

import argparse
import base64
import csv
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where this runs as a script

import requests

from aisle.pipeline import cli, tables
from aisle.pipeline.errors import AisleError
from tools import bench_service, repro, retrain, study

ROOT = Path(__file__).resolve().parent.parent
SAMPLE, STREAM, MAPPING = ROOT / "data/sample", ROOT / "data/sample_stream", ROOT / "tools/demo.yaml"
LABELLED = 3
"""Every so manieth product of the sample has its label at the beginning."""
WAIT, ASKED = 60.0, 400
"""Seconds for the service to start or to swap; questions that are answered at most."""
START = time.monotonic()


def say(text: str) -> None:
    """Print a step, with the seconds since the start."""
    print(f"[{time.monotonic() - START:5.0f} s] {text}", flush=True)


def rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_catalogue(folder: Path) -> dict[str, str]:
    """Write the catalogue and its pictures; return what each product of it is, by id.

    The stream's products are in it without a label, so that people's labels of them may be learned from.
    """
    sample, stream = rows(SAMPLE / "products.csv"), rows(STREAM / "products.csv")
    truth = {row["id"]: row["category_path"] for row in sample}
    truth |= {row["product_id"]: row["category"] for row in rows(STREAM / "reviews.csv")}
    for number, row in enumerate(sample):
        row["category_path"] = row["category_path"] if number % LABELLED == 0 else ""
        row["date"] = "2026-02-01"
    columns = [*dict.fromkeys([*sample[0], "date"])]
    (folder / "images").mkdir(parents=True)
    for source in (SAMPLE, STREAM):
        for picture in (source / "images").iterdir():
            shutil.copyfile(picture, folder / "images" / picture.name)
    with (folder / "products.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows(sample + stream)
    return truth


def prepare(folder: Path) -> tuple[Path, dict[str, str]]:
    """Make the workspace: a Git and DVC repository with the code, the small catalogue and the stream."""
    if folder.exists():
        shutil.rmtree(folder)
    workspace = folder / "demo"
    truth = write_catalogue(workspace / "catalogue")
    shutil.copytree(STREAM, workspace / "stream")
    shutil.copyfile(MAPPING, folder / "mapping.yaml")
    study.write_params(folder, workspace / "catalogue", folder / "mapping.yaml")
    study.prepare(workspace)
    study.copy_given(workspace, workspace / "catalogue")
    with (workspace / ".gitignore").open("a", encoding="utf-8") as file:
        file.write("\n.retrain/\nservice.db*\nmlflow.db\nmlruns/\n")
    return workspace, truth


def run_pipeline(workspace: Path) -> None:
    """Run the pipeline, and commit what it made."""
    repro.side_by_side(workspace, repro.to_run(workspace)[0])
    retrain.call(workspace, [sys.executable, "-m", "dvc", "repro", "--quiet"])
    retrain.git(workspace, "add", "--all")
    retrain.git(workspace, *retrain.IDENTITY, "commit", "--quiet", "-m", "The champion of few labels")


@contextmanager
def service(workspace: Path) -> Iterator[str]:
    """Run the service on a free port of loopback; yield its address."""
    port = bench_service.free_port()
    command = [sys.executable, "-m", "aisle.service", "--port", str(port), "--watch", "0.5"]
    command += ["--database", f"sqlite:///{workspace / 'service.db'}", "--review-share", "0.3"]
    with (workspace.parent / "service.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=workspace, stdout=log, stderr=log, env=os.environ | {"PYTHONPATH": str(ROOT)}
        )
        address = f"http://127.0.0.1:{port}"
        try:
            until(lambda: _ready(address, process, log.name), "the service must be ready")
            yield address
        finally:
            process.terminate()
            process.wait()


def _ready(address: str, process: "subprocess.Popen[bytes]", log: str) -> bool:
    if process.poll() is not None:
        raise AisleError(f"the service must run; it ended with {process.returncode}, see {log}")
    return bench_service.ready(address)


def until(condition: Any, what: str) -> None:
    """Wait until a condition holds.

    Raises
    ------
    AisleError
        If it does not in `WAIT` seconds.
    """
    end = time.monotonic() + WAIT
    while not condition():
        if time.monotonic() > end:
            raise AisleError(f"{what} within {WAIT:.0f} s; it was not")
        time.sleep(0.2)


def send(address: str) -> int:
    """Ask the service about every product of the stream; return how many a person must look at."""
    products = []
    for row in rows(STREAM / "products.csv"):
        picture = base64.b64encode((STREAM / "images" / row["image"]).read_bytes()).decode()
        texts = {name: row[name] for name in ("id", "title", "description", "specifications")}
        products.append({**texts, "image": picture})
    asked = 0
    for start in range(0, len(products), 42):
        body = {"products": products[start : start + 42]}
        answer = requests.post(f"{address}/v1/classify", json=body, timeout=60)
        answer.raise_for_status()
        asked += sum(each["needs_person"] for each in answer.json()["predictions"])
    return asked


class Question(HTMLParser):
    """What the review page asks: hidden fields, near-duplicates, categories, and the product's id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.together: list[str] = []
        self.categories: list[str] = []
        self.feed(text)
        found = re.search(r'class="hint">(aisle-[\w-]+)', text)
        self.product_id = found[1] if found else ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take the form's parts."""
        facts = {name: value or "" for name, value in attrs}
        if tag == "input" and facts.get("type") == "hidden":
            self.fields[facts["name"]] = facts["value"]
        elif facts.get("name") == "together":
            self.together.append(facts["value"])
        elif tag == "button" and facts.get("name") == "category":
            self.categories.append(facts["value"])


def review(address: str, truth: dict[str, str]) -> tuple[int, int]:
    """Answer the questions of the review page; return how many were decided, and skipped."""
    decided = skipped = 0
    while decided + skipped < ASKED:
        page = requests.get(f"{address}/review", timeout=60)
        page.raise_for_status()
        question = Question(page.text)
        if not question.product_id:
            break
        right = truth[question.product_id]
        known = next((name for name in question.categories if right.split(">>")[0].strip() == name), None)
        form: dict[str, Any] = {**question.fields, "together": question.together}
        form |= {"category": known} if known else {"action": "skip"}  # a kind that the model does not know
        requests.post(f"{address}/review", data=form, timeout=60).raise_for_status()
        decided, skipped = decided + bool(known), skipped + (not known)
    return decided, skipped


def served(address: str) -> dict[str, Any]:
    """Return what the service says of the model that it serves."""
    answer = requests.get(f"{address}/v1/models", timeout=10)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()["current"]
    return found


def told(workspace: Path) -> None:
    """Say what monitoring and experiments found."""
    found = tables.read_json(workspace / "metrics/monitoring.json")
    say(f"drift: {found['alarms']} alarms in {found['batches']} weeks")
    for name, each in tables.read_json(workspace / "metrics/experiments.json").items():
        if isinstance(each, dict):
            say(f"experiment {name}: {each['verdict']}")


def main() -> None:
    """Do it all, and say each step."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=ROOT / ".demo", help="(%(default)s)")
    folder = parser.parse_args().folder.resolve()
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    os.environ["PYTHONPATH"] = str(ROOT)
    workspace, truth = prepare(folder)
    say("the pipeline learns from a third of the sample's labels")
    run_pipeline(workspace)
    told(workspace)
    with service(workspace) as address:
        first = served(address)
        say(f"the service answers on {address} with {first['digest'][:12]}")
        say(f"{send(address)} of the stream's products are for people")
        decided, skipped = review(address, truth)
        say(f"reviewed: {decided} questions answered, {skipped} skipped (of no known category)")
        labels = ("--database", f"sqlite:///{workspace / 'service.db'}", "--output", "data/labels.csv")
        retrain.call(workspace, [sys.executable, "-m", "aisle.service.labels", *labels])
        say("a candidate learns from them")
        if not retrain.retrain(workspace):
            raise AisleError("the candidate must pass the gates; it did not, see above")
        retrain.merge(workspace)
        until(lambda: served(address)["digest"] != first["digest"], "the service must swap the package in")
        send(address)
        say(f"the service answers with {served(address)['digest'][:12]}, without a restart")
    told(workspace)
    say(f"report: {workspace / 'reports/index.html'}; the candidate's gates: {workspace / retrain.FOLDER}")


if __name__ == "__main__":
    cli.run(main, children=True)
