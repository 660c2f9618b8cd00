"""Write the tree of the repository into README.md: a line for each file or folder, of modules a docstring.

`--check` changes nothing, and fails where README.md is not what would be written.
"""

import argparse
import ast
import subprocess
from pathlib import Path

from aisle.pipeline.cli import run
from aisle.pipeline.errors import AisleError, some

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- tree: made by `make tree` -->\n```text\n", "```\n<!-- end of tree -->"
WIDTH = 118
FOLDERS = {
    "aisle": "the library: rooms from top to bottom, nothing imports upwards (`lint-imports`)",
    "aisle/service": "answers over HTTP: queue, batches, keys, limits, hot swap (docs/service.md)",
    "aisle/service/queue": "a file per strategy of the review's queue; a new one goes here",
    "aisle/service/review": "people are asked: what is kept, who gets which product, the page",
    "aisle/service/review/static": "the page's script, style and icon",
    "aisle/service/review/templates": "the page, for Jinja",
    "aisle/service/routes": "a file per group of endpoints; a new one goes here",
    "aisle/service/store": "what was answered and what people say of it: tables, migrations, writer",
    "aisle/service/store/migrations": "Alembic's",
    "aisle/service/store/migrations/versions": "a file per change of the tables; a new one goes here",
    "aisle/monitoring": "new products against the catalogue: drift, experiments, alarms (docs/operations.md)",
    "aisle/monitoring/evolution": "categories over time: shares, terms, movements, proposals",
    "aisle/monitoring/drift": "a file per detector; a new one goes here",
    "aisle/monitoring/experiments": "shadow and split traffic, valid at every look",
    "aisle/report": "results read once, sections make blocks, blocks become page, Markdown, notebook",
    "aisle/report/data": "what the report shows, read",
    "aisle/report/figures": "what several sections draw",
    "aisle/report/sections": "a file per section; a new one goes here",
    "aisle/deployment": "packages, predictor, MLflow",
    "aisle/explanation": "SHAP, Grad-CAM, faithfulness",
    "aisle/evaluation": "scores, intervals, tests, calibration, decisions, leakage, audit, champion",
    "aisle/evaluation/leakage": "a file per check",
    "aisle/models": "predictions table, cross-fitting, classifiers, heads, fusion, fine-tuning, the listing",
    "aisle/models/classifiers": "a file per classifier; a new one goes here",
    "aisle/models/fine_tuning": "a file per kind of backbone",
    "aisle/models/fusion_networks": "networks on text and picture together",
    "aisle/models/heads": "dense heads on a backbone's features",
    "aisle/representations": "encoders, feature files, concatenation, clustering",
    "aisle/representations/encoders": "what encoders share",
    "aisle/representations/encoders/image": "a file per picture encoder; a new one goes here",
    "aisle/representations/encoders/text": "a file per text encoder; a new one goes here",
    "aisle/catalogue": "products, taxonomy, texts, pictures, folds, exploration; a new format goes here",
    "aisle/catalogue/formats": "the formats of tables that are read, a file each",
    "aisle/catalogue/exploration": "tables of the catalogue before any model",
    "aisle/pretrained": "weights, exports, runtime",
    "aisle/pretrained/exports": "a file per format that weights come in",
    "aisle/pipeline": "params, command line, tables, errors, item cache, imports, dvc.yaml",
    "stages": "a script per stage of dvc.yaml: parse, read, call, write",
    "tools": "for who works on the repository",
    "tools/pull_request": "what a pull request changes, for its comment",
    "tools/scale": "what large catalogues cost, part by part, for its benchmark",
    "data": "outputs, in the DVC cache; sample/, sample_stream/ (built in), code/ and listing.json in Git",
    "docker": "images of compose.yaml",
    "docs": "data dictionary, cards, decisions/, studies/ (results), benchmarks/",
    "features": "outputs: a file of vectors per encoder",
    "metrics": "outputs, in Git",
    "models": "outputs: a folder per fitted or pretrained model",
    "notebooks": "the study's tables and figures from the outputs; `make notebook` exports it",
    "packages": "outputs: champion and challenger, with all that predicting takes",
    "predictions": "outputs: class probabilities out of fold",
    "reports": "outputs: index.html, tables.md and what they show",
    "tests": "mirrors the tree; tests/pipeline runs DVC on copies of the repository",
}
FILES = {
    "CHANGELOG.md": "what changed for users",
    "CONTRIBUTING.md": "how to add an encoder, a classifier, a head, a fusion, a metric, a section",
    "LICENSE": "Apache-2.0",
    "Makefile": "`make help` lists the commands",
    "README.md": "this page",
    "compose.yaml": "report, MLflow and Jupyter as containers",
    "constraints.txt": "what requirements.txt brings along, pinned",
    "dvc.lock": "what the pipeline last made",
    "dvc.yaml": "the pipeline",
    "params.yaml": "every knob, with its meaning, unit and reason",
    "pyproject.toml": "the package, its groups of dependencies, the settings of the tools",
    "requirements.txt": "the pinned whole",
    "weights.yaml": "facts of pretrained files: address, digest, licence",
}
ROOMS = [
    "service",
    "monitoring",
    "report",
    "deployment",
    "explanation",
    "evaluation",
    "models",
    "representations",
    "catalogue",
    "pretrained",
    "pipeline",
]
ORDER = ["aisle", *(f"aisle/{room}" for room in ROOMS)]
"""Rooms stand in the order of their layers, everything else by name."""


def summary(path: str) -> str:
    """Return the first sentence of a Python file's docstring."""
    said = ast.get_docstring(ast.parse((ROOT / path).read_text(encoding="utf-8"))) or ""
    line = said.split("\n\n")[0].replace("\n", " ")
    return line.removesuffix(".")


def tree() -> str:
    """Return the tree as text.

    Raises
    ------
    AisleError
        If a file or folder has no line.
    """
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    files = [name for name in done.stdout.splitlines() if (ROOT / name).is_file()]
    inside = [
        name for name in files if name.startswith(("aisle/", "stages/", "tools/")) and name.endswith(".py")
    ]
    shown = {name: summary(name) for name in inside if not name.endswith("__init__.py")}
    shown |= {name: FILES.get(name, "") for name in files if "/" not in name and not name.startswith(".")}
    folders = {parent.as_posix() for name in shown for parent in Path(name).parents} - {"."}
    folders |= {name.split("/")[0] for name in files if "/" in name and not name.startswith(".")}
    shown |= {folder: FOLDERS.get(folder, "") for folder in folders}
    if lacking := sorted(name for name, text in shown.items() if not text):
        raise AisleError(
            f"tools/tree.py must have a line for {some(lacking, 9)}: write it there or a docstring"
        )

    def place(name: str) -> list[tuple[int, int, str]]:
        parts = name.split("/")
        levels = ["/".join(parts[: i + 1]) for i in range(len(parts))]
        first = {level: ORDER.index(level) if level in ORDER else len(ORDER) for level in levels}
        return [(first[level], level in shown and level not in folders, level) for level in levels]

    lines = []
    for name in sorted(shown, key=place):
        indent = "  " * name.count("/")
        label = f"{indent}{name.rpartition('/')[2]}{'/' if name in folders else ''}"
        text = shown[name]
        room = WIDTH - 34
        lines.append(
            f"{label:<33} {text if len(text) <= room else text[: room - 1].rsplit(' ', 1)[0] + ' …'}"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write, or check, the tree."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="change nothing, fail where it differs")
    args = parser.parse_args()
    path = ROOT / "README.md"
    text = path.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END, 1)[1]
    wanted = f"{before}{BEGIN}{tree()}{END}{after}"
    if args.check and text != wanted:
        raise AisleError("README.md must have the tree of the repository; it differs. Run `make tree`")
    path.write_text(wanted, encoding="utf-8")


if __name__ == "__main__":
    run(main, children=True)
