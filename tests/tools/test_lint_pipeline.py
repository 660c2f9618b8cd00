"""tools/lint_pipeline.py on a miniature repository, with one fault planted at a time, and on the real one."""

import re
import shutil
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tools import lint_pipeline

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "lint_pipeline.py"

FILES = {
    "params.yaml": """
catalogue: {table: data/sample/products.csv}
folds: {seed: 1e-4}
encoders:
  text:
    bow: {encoder: bow}
    words: {encoder: tfidf}
""",
    "weights.yaml": """
weights:
  bow: {revision: 1}
  tfidf: {revision: 2}
""",
    "dvc.yaml": """
# the pipeline
vars:
  - weights.yaml

stages:
  digest_code:
    desc: Digest the code.
    cmd: python -m stages.digest_code --library aisle --scripts stages --output data/code
    deps:
      - aisle
      - stages
    outs:
      - data/code: {cache: false}

  ingest:
    desc: Read the catalogue.
    cmd: >-
      python -m stages.ingest
      --products data/products.parquet --metrics metrics/ingest.json
    deps:
      - data/code/stages/ingest.txt  # the code
      # data
      - ${catalogue.table}
    params: [catalogue]
    outs:
      - data/products.parquet
    metrics:
      - metrics/ingest.json: {cache: false}

  # one per encoder
  encode:
    foreach: ${encoders.text}
    do:
      desc: Encode the text with ${key}.
      cmd: >-
        python -m stages.encode --encoder '${key}' --products data/products.parquet
        --features 'features/${key}.parquet' --params params.yaml
        --weights-file weights.yaml --weights '${item.encoder}'
      deps:
        - data/code/stages/encode.txt
        - data/code/aisle/encoders/${item.encoder}.txt
        - data/products.parquet
      params:
        # its own section only
        - encoders.text.${key}
        - weights.yaml:
            # what it runs
            - weights.${item.encoder}
      outs:
        - features/${key}.parquet

  report:
    desc: Write the report.
    cmd: python -m stages.report --features features --page=reports/index.html --n 3
    deps:
      - data/code/stages/report.txt
      - features
    params:
      # how products are split
      - folds
    outs:
      - reports/index.html: {cache: false}
# the end
""",
    "stages/digest_code.py": """
from aisle.pipeline import cli

def main():
    cli.parser(__doc__, library="", scripts="", output="").parse_args()
""",
    "stages/ingest.py": """
from aisle import catalogue; from aisle.pipeline import cli
from aisle.pipeline.params import load_params

def main():
    args = cli.parser(__doc__, products="", metrics="").parse_args()
    load_params(args.params, "catalogue", dict)
""",
    "stages/encode.py": """
from aisle import encoders; from aisle.pipeline import cli, params

def main():
    parser = cli.parser(__doc__, products="", features="", weights_file="")
    parser.add_argument("--encoder")
    parser.add_argument("--weights")
    args = parser.parse_args()
    params.load_params(args.params, f"encoders.text.{args.encoder}", dict)
    params.load_params(args.weights_file, f"weights.{args.weights}", dict)
    encoders.load(args.encoder)
""",
    "stages/report.py": """
from aisle.pipeline import cli
from aisle.pipeline.params import load_params

def main():
    parser = cli.parser(__doc__, features="", page="")
    parser.add_argument("--n", type=int)
    args = parser.parse_args()
    load_params(args.params, "folds", dict)
    from aisle.report import page
""",
    "aisle/__init__.py": "",
    "aisle/pipeline/__init__.py": "",
    "aisle/py.typed": "",
    "aisle/.hidden": "",
    "aisle/pipeline/cli.py": """
import argparse

def parser(doc, **paths):
    result = argparse.ArgumentParser(doc)
    result.add_argument("--params", default="params.yaml")
    return result
""",
    "aisle/pipeline/params.py": "def load_params(path, section, model):\n    return {}\n",
    "aisle/catalogue.py": "def read():\n    from . import ids\n    return ids\n",
    "aisle/ids.py": "import csv\n",
    "aisle/folds.py": "",
    "aisle/encoders/__init__.py": """
import importlib

def load(name):
    importlib.import_module(f"tensorflow.keras.applications.{name}")
    return importlib.import_module(f"aisle.encoders.{name}")
""",
    "aisle/encoders/base.py": "",
    "aisle/encoders/bow.py": "from aisle.encoders.base import x\n",
    "aisle/encoders/tfidf.py": "from .base import x\n",
    "aisle/report/__init__.py": "",
    "aisle/report/page.py": "import plotly\nfrom typing import TYPE_CHECKING\n",
    "aisle/report/page.html.j2": "<html>",
    "tools/helper.py": "",
    "data/sample/products.csv": "id\n",
    "docs/data_dictionary.md": """
# Outputs under `data/` and `data/sample/products.csv`

| path | row |
|---|---|
| `data/code` | folder |
| `data/products.parquet` | product, of `features/old.parquet` |
| `features/<encoder>.parquet` | product |

## `metrics/ingest.json`

## `reports/index.html`

```
# `reports/not_an_entry.html`
```
""",
}
CLEAN = "4 stages: deps, params, scripts and outputs agree"


def run(root: Path, *flags: str) -> tuple[int, list[str]]:
    """Run the tool on `root` in this process; return exit status and the lines it prints."""
    with redirect_stdout(StringIO()) as said, redirect_stderr(StringIO()) as wrong:
        status = lint_pipeline.main(["--root", str(root), *flags])
    assert not wrong.getvalue(), wrong.getvalue()
    return status, said.getvalue().splitlines()


def edit(path: Path, old: str, new: str) -> None:
    """Replace the first `old`, which must be there; an empty `old` appends."""
    text = path.read_text() if path.exists() else ""
    assert old in text, f"{old!r} is not in {path.name}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.replace(old, new, 1) if old else text + new)


@pytest.fixture
def repo(tmp_path: Path, write_files) -> Path:
    """Return a miniature repository without faults."""
    write_files(tmp_path, {name: text.lstrip() for name, text in FILES.items()})
    return tmp_path


SECOND = """  again:
    desc: Ingest again.
    cmd: python -m stages.ingest --products data/again.parquet
    deps: [data/code/stages/ingest.txt,
      "${catalogue.table}"]  # of the first
    params: [catalogue]
    outs: [data/again.parquet]
# the end
"""
OF_VARS = """        - weights.yaml:
            # what it runs
            - weights.${item.encoder}
"""

# id -> (file, old text, new text, stage or file named, words of the message); * marks what --fix mends
# fmt: off
FAULTS = {
    "missing digest *": ("dvc.yaml", "      - data/code/stages/ingest.txt  # the code\n", "",
        "stage ingest: data/code/stages/ingest.txt, the digest of what the stage imports, is read but not"),
    "digest of another stage *": (
        "dvc.yaml", "- data/code/stages/encode.txt", "- data/code/stages/report.txt",
        "stage encode: data/code/stages/encode.txt, the digest of what the stage imports, is read but not"),
    "superfluous digest *": ("dvc.yaml", "      - features\n",
        "      - features\n      - data/code/aisle/encoders/bow.txt\n",
        "stage report: data/code/aisle/encoders/bow.txt is declared but is no code that the stage loads"),
    "code as dep *": ("dvc.yaml", "      - features\n", "      - features\n      - aisle/ids.py\n",
        "stage report: aisle/ids.py is declared but is covered by data/code/stages/report.txt: remove"),
    "folder of code as dep *": ("dvc.yaml", "      - features\n", "      - features\n      - aisle/\n",
        "stage report: aisle/ is declared but is covered by data/code/stages/report.txt: remove"),
    "sibling encoder *": ("dvc.yaml", "        - data/products.parquet\n",
        "        - data/code/aisle/encoders/bow.txt\n        - data/products.parquet\n",
        "stage encode: data/code/aisle/encoders/bow.txt is declared but is no code"),
    "digests without the scripts *": ("dvc.yaml", "      - aisle\n      - stages\n", "      - aisle\n",
        "stage digest_code: stages is digested but not declared"),
    "no digests": ("dvc.yaml", "--output data/code", "--output data/cod",
        "stage digest_code: data/code must appear in cmd"),
    "digests elsewhere": ("dvc.yaml", "      - data/code: {cache: false}", "      - data/cod",
        "stage ingest: data/code/stages/ingest.txt must be an output of another stage or in Git"),
    "code that is not digested": ("aisle/ids.py", "", "import tools.helper\n",
        "stage ingest: tools/helper.py is imported and is not digested: move it into aisle or stages"),
    "no template": ("dvc.yaml", "        - data/code/aisle/encoders/${item.encoder}.txt\n", "",
        "stage encode: aisle/encoders/__init__.py:5 loads aisle.encoders.* by name: deps must hold"),
    "load by unknown name": ("aisle/report/page.py", "", "importlib.import_module(name)\n",
        "stage report: aisle/report/page.py:3 loads * by name"),
    "item without file": ("params.yaml", "encoder: bow", "encoder: bags",
        "stage encode: aisle/encoders/bags.py must exist"),
    "missing param *": ("dvc.yaml", "    params: [catalogue]\n", "",
        "stage ingest: section catalogue is read by stages/ingest.py but not declared: DVC would serve"),
    "missing param of item *": ("dvc.yaml", "        - encoders.text.${key}\n", "",
        "stage encode: section encoders.text.{args.encoder} is read by stages/encode.py but not"),
    "superfluous param *": ("dvc.yaml", "    params: [catalogue]", "    params: [catalogue, folds]",
        "stage ingest: section folds is declared but not read by stages/ingest.py"),
    "param of all items *": ("dvc.yaml", "- encoders.text.${key}", "- encoders.text",
        "stage encode: section encoders.text is declared but not read"),
    "param not in params.yaml": ("params.yaml", "folds:", "splits:",
        "stage report: section folds is declared but not in params.yaml"),
    "param that the run cache ignores": ("params.yaml", "folds:", "picture: {size: 3}\nfolds:",
        "params.yaml: picture.size must have another name: DVC's run cache ignores"),
    "params of another file": (
        "dvc.yaml", "    params: [catalogue]",
        "    params: [catalogue, {other.yaml: [x]}]",
        "stage ingest: params must be of params.yaml or a file of `vars:`, not of other.yaml: correct it"),
    "params of a file that vars lacks": ("dvc.yaml", "vars:\n  - weights.yaml\n", "",
        "stage encode: params must be of params.yaml or a file of `vars:`, not of weights.yaml: correct it"),
    "missing param of a file of vars *": (
        "dvc.yaml", OF_VARS, "",
        "stage encode: section weights.{args.weights} is read by stages/encode.py but not declared: DVC"),
    "superfluous param of a file of vars *": (
        "dvc.yaml", "            - weights.${item.encoder}\n",
        "            - weights.${item.encoder}\n            - weights.bow.revision\n",
        "stage encode: section weights.bow.revision is declared but not read by stages/encode.py: remove"),
    "param under the wrong file *": (
        "dvc.yaml", OF_VARS, "        - weights.${item.encoder}\n",
        "stage encode: section weights.bow is declared but not in params.yaml: add it there"),
    "param of params.yaml under a file of vars *": (
        "dvc.yaml", "        - encoders.text.${key}\n" + OF_VARS,
        OF_VARS + "            - encoders.text.${key}\n",
        "stage encode: section encoders.text.bow is declared but not in weights.yaml: add it there"),
    "param not in the file of vars": ("weights.yaml", "tfidf:", "idf:",
        "stage encode: section weights.tfidf is declared but not in weights.yaml: add it there"),
    "unknown template in a param of a file of vars": (
        "dvc.yaml", "weights.${item.encoder}", "weights.${item.encodr}",
        "stage encode: ${item.encodr} must be in params.yaml or the stage's item"),
    "weights that the run cache ignores": ("weights.yaml", "revision: 1", "size: 1",
        "weights.yaml: weights.bow.size must have another name: DVC's run cache ignores"),
    "section not literal": ("stages/report.py", '"folds"', "SECTION",
        "stage report: stages/report.py:8: the second argument of load_params must be a literal"),
    "load_params in library": ("aisle/ids.py", "", 'params.load_params(p, "folds", dict)\n',
        "aisle/ids.py:2: load_params must be called in stage scripts only"),
    "stage without script": (
        "dvc.yaml", "# the end\n", SECOND.replace("again:", "nowhere:"),
        "stage nowhere: stages/nowhere.py must exist"),
    "script without stage": ("stages/orphan.py", "", "",
        "stage orphan: stages/orphan.py must be run by exactly one stage, not by 0: add its stage"),
    "stage runs another script": ("dvc.yaml", "python -m stages.report", "python -m stages.ingest",
        "stage report: cmd must run `python -m stages.report` once, not `python -m stages.ingest`"),
    "stage runs the file": ("dvc.yaml", "python -m stages.report", "python stages/report.py",
        "stage report: cmd must run `python -m stages.report` once, not `python stages/report.py"),
    "two stages one script": (
        "dvc.yaml", "# the end\n", SECOND,
        "stage ingest: stages/ingest.py must be run by exactly one stage, not by 2: give each"),
    "no desc": ("dvc.yaml", "    desc: Write the report.\n", "",
        "stage report: must have a desc"),
    "empty desc": ("dvc.yaml", "      desc: Encode the text with ${key}.\n", "      desc: ' '\n",
        "stage encode: must have a desc"),
    "wdir": ("dvc.yaml", "    desc: Write the report.\n", "    desc: Write the report.\n    wdir: docs\n",
        "stage report: must run in the repository's root"),
    "unknown flag": ("dvc.yaml", "--n 3", "--m 3",
        "stage report: cmd uses --m, which must be one of --features, --n, --page, --params"),
    "path undeclared": ("dvc.yaml", "--n 3", "--n data/products.parquet",
        "stage report: cmd uses the path data/products.parquet, which must be a dep, out, metric or plot"),
    "path undeclared, by suffix": ("dvc.yaml", "--n 3", "--n=x.csv",
        "stage report: cmd uses the path x.csv, which must be"),
    "path undeclared, by param": ("dvc.yaml", "--n 3", "--n ${catalogue.table}",
        "stage report: cmd uses the path ${catalogue.table}, which must be"),
    "free text in cmd": ("dvc.yaml", "--n 3", "--n ${folds.note}",
        "stage report: ${folds.note} must not stand in cmd: a shell would run what the param holds"),
    "free text of an item in cmd": ("dvc.yaml", "--weights '${item.encoder}'", "--weights '${item.title}'",
        "stage encode: ${item.title} must not stand in cmd: a shell would run what the param holds"),
    "name that a shell reads": (
        "params.yaml", "    words: {encoder: tfidf}", "    words;id: {encoder: tfidf}",
        "params.yaml: a key of encoders.text must be a name"),
    "bare template in cmd": ("dvc.yaml", "--encoder '${key}'", "--encoder ${key}",
        "stage encode: ${key} must stand in single quotes in cmd, and does not: a shell reads what it holds"),
    "template in double quotes in cmd": (
        "dvc.yaml", "'features/${key}.parquet'", '"features/${key}.parquet"',
        "stage encode: ${key} must stand in single quotes in cmd"),
    "dep not in cmd": ("dvc.yaml", "      - features\n", "      - features\n      - data/products.parquet\n",
        "stage report: data/products.parquet must appear in cmd"),
    "out not in cmd": ("dvc.yaml", "--page=reports/index.html", "",
        "stage report: reports/index.html must appear in cmd"),
    "dep from nowhere": (
        "dvc.yaml", "      - data/products.parquet\n    metrics",
        "      - data/other.parquet\n    metrics",
        "stage encode: data/products.parquet must be an output of another stage or in Git"),
    "unknown template": ("dvc.yaml", "--n 3", "--n ${report.n}",
        "stage report: ${report.n} must be in params.yaml"),
    "unknown items": ("dvc.yaml", "foreach: ${encoders.text}", "foreach: ${encoders.pictures}",
        "stage encode: foreach must be a dict or a list, not ${encoders.pictures}"),
    "out not in dictionary": ("docs/data_dictionary.md", "| `data/products.parquet` | product", "| products",
        "stage ingest: data/products.parquet must be in docs/data_dictionary.md"),
    "template not in dictionary": (
        "docs/data_dictionary.md", "features/<encoder>",
        "features/text/<encoder>",
        "stage encode: features/${key}.parquet must be in docs/data_dictionary.md, and is"),
    "no dictionary": ("docs/data_dictionary.md", None, "",
        "docs/data_dictionary.md: must describe every output, and does not exist"),
    "stale row in dictionary": (
        "docs/data_dictionary.md", "| `features/<encoder>",
        "| `data/old.csv` | row |\n| `features/<encoder>",
        "docs/data_dictionary.md:7: data/old.csv must be made by a stage"),
    "stale heading in dictionary": ("docs/data_dictionary.md", "", "### `models/<name>/`\n",
        "docs/data_dictionary.md:16: models/<name>/ must be made by a stage"),
    "metric cached": ("dvc.yaml", "metrics/ingest.json: {cache: false}", "metrics/ingest.json",
        "stage ingest: metric metrics/ingest.json must have `cache: false`"),
    "out in the sample": (
        "dvc.yaml", "      - data/products.parquet\n    metrics",
        "      - data/sample/x.parquet\n    metrics",
        "stage ingest: data/sample/x.parquet must not lie in data/sample"),
    "heavy import at the top": (
        "aisle/pipeline/cli.py", "",
        "try:\n    import torch.nn\nexcept ImportError:\n    pass\n",
        "aisle/pipeline/cli.py:8: torch must not be imported at the top, since stages digest_code, ingest"),
}
# fmt: on


def plant(root: Path, fault: str) -> str:
    """Plant a fault of `FAULTS` and return the message that it must give."""
    file, old, new, message = FAULTS[fault]
    if old is None:
        (root / file).unlink()
    else:
        edit(root / file, old, new)
    return (
        message
        if message.startswith(("aisle/", "docs/", "params.yaml:", "weights.yaml:"))
        else f"dvc.yaml: {message}"
    )


def test_clean(repo: Path) -> None:
    assert run(repo) == (0, [CLEAN])


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_found(repo: Path, fault: str) -> None:
    message = plant(repo, fault)
    status, lines = run(repo)
    assert status == 1
    assert [line for line in lines if line.startswith(message)], "\n".join(lines)
    assert CLEAN not in lines


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.endswith("*")])
def test_fix_mends(repo: Path, fault: str) -> None:
    message = plant(repo, fault)
    before = (repo / "dvc.yaml").read_text()
    status, lines = run(repo, "--fix")
    after = (repo / "dvc.yaml").read_text()
    assert (status, lines[-1]) == (0, CLEAN), "\n".join([*lines, after])
    stage = message.split(": ")[1]
    assert any(line.startswith(f"fixed dvc.yaml: {stage}: ") for line in lines)
    comments = [line.partition("#")[2] for line in before.splitlines() if "#" in line]
    assert [line.partition("#")[2] for line in after.splitlines() if "#" in line] == comments
    other = [
        line
        for line in before.splitlines()
        if not re.search(r"aisle/|data/code/|params|- weights\.(bow|\$)", line)
    ]
    assert not [line for line in other if line not in after.splitlines() and "encoders.text" not in line]
    assert run(repo, "--fix") == (0, [CLEAN])
    assert (repo / "dvc.yaml").read_text() == after


def test_fix_undoes_the_damage_to_the_byte(repo: Path) -> None:
    path = repo / "dvc.yaml"
    clean = path.read_text()
    assert run(repo, "--fix") == (0, [CLEAN])
    assert path.read_text() == clean
    for line in ("        - data/code/stages/encode.txt\n", "      - data/code/stages/report.txt\n"):
        edit(path, line, "")
    edit(path, "- encoders.text.${key}", "- encoders.text")
    edit(path, "- weights.${item.encoder}", "- weights")
    edit(path, "params: [catalogue]", "params: [catalogue, folds]")
    assert run(repo)[0] == 1
    assert run(repo, "--fix")[0] == 0
    assert path.read_text() == clean


def test_fix_reports_the_rest(repo: Path) -> None:
    plant(repo, "missing digest *")
    message = plant(repo, "no desc")
    status, lines = run(repo, "--fix")
    assert status == 1
    assert lines[0] == "fixed dvc.yaml: stage ingest: deps: added data/code/stages/ingest.txt"
    assert len(lines) == 2 and lines[1].startswith(message)


def test_fix_keeps_a_flow_list_of_many_lines(repo: Path) -> None:
    edit(repo / "dvc.yaml", "# the end\n", SECOND.replace("data/code/stages/ingest.txt,", "", 1))
    before = YAML().load(repo / "dvc.yaml")
    before["stages"]["again"]["deps"].insert(0, "data/code/stages/ingest.txt")
    run(repo, "--fix")
    assert YAML().load(repo / "dvc.yaml") == before


def test_fix_writes_missing_lists(repo: Path) -> None:
    text = (repo / "dvc.yaml").read_text()
    head, tail = text.split("    desc: Write the report.\n")
    cmd, outs = tail.splitlines()[0].replace("--features features ", ""), tail[tail.index("    outs:") :]
    (repo / "dvc.yaml").write_text(f"{head}    desc: Write the report.\n{cmd}\n{outs}")
    assert run(repo)[0] == 1
    status, lines = run(repo, "--fix")
    assert (status, lines[-1]) == (0, CLEAN), "\n".join(lines)
    stage = YAML().load(repo / "dvc.yaml")["stages"]["report"]
    assert stage["deps"][0] == "data/code/stages/report.txt" and stage["params"] == ["folds"]


def test_matrix_is_expanded(repo: Path) -> None:
    edit(
        repo / "dvc.yaml",
        "foreach: ${encoders.text}\n    do:",
        "matrix: {encoder: [bow, words], seed: [0, 1]}\n    x:",
    )
    body = YAML().load(repo / "dvc.yaml")
    stage = body["stages"]["encode"]
    stage.update(stage.pop("x"))
    stage["params"] = [
        "encoders.text.${item.encoder}",
        {"weights.yaml": ["weights.${encoders.text.bow.encoder}"]},
    ]
    stage["cmd"] = (
        "python -m stages.encode --encoder '${item.encoder}' --products data/products.parquet "
        "--features 'features/${key}.parquet' --weights-file weights.yaml "
        "--weights '${encoders.text.bow.encoder}'"
    )
    YAML().dump(body, repo / "dvc.yaml")
    status, lines = run(repo)
    assert status == 1 and len(lines) == 1, "\n".join(lines)
    assert "stage encode: aisle/encoders/words.py must exist" in lines[0]
    (repo / "aisle/encoders/words.py").write_text("from . import base\n")
    assert run(repo) == (0, [CLEAN])


@pytest.mark.parametrize("digest", ["encoders/bow", "encoders"])
def test_stage_without_items_may_list_the_modules_it_loads(repo: Path, digest: str) -> None:
    """Each by itself, or all of their folder."""
    edit(repo / "aisle/report/page.py", "", "from aisle import encoders\n")
    line = "      - data/code/stages/report.txt\n"
    edit(repo / "dvc.yaml", line, f"{line}      - data/code/aisle/{digest}.txt\n")
    assert run(repo) == (0, [CLEAN])
    edit(repo / "dvc.yaml", f"      - data/code/aisle/{digest}.txt\n", "")
    assert "loads aisle.encoders.* by name" in run(repo)[1][0]


def test_module_loaded_by_a_module_that_is_loaded_by_name(repo: Path) -> None:
    """What an item's module loads in its turn must be declared too."""
    edit(repo / "aisle/encoders/bow.py", "", "__import__(f'aisle.scalers.{name}')\n")
    (repo / "aisle/scalers").mkdir()
    (repo / "aisle/scalers/none.py").write_text("")
    assert "aisle/encoders/bow.py:2 loads aisle.scalers.* by name" in run(repo)[1][0]
    line = "        - data/code/aisle/encoders/${item.encoder}.txt\n"
    edit(repo / "dvc.yaml", line, f"{line}        - data/code/aisle/scalers/${{item.scaler}}.txt\n")
    edit(repo / "params.yaml", "{encoder: bow}", "{encoder: bow, scaler: none}")
    edit(repo / "params.yaml", "{encoder: tfidf}", "{encoder: tfidf, scaler: none}")
    assert run(repo) == (0, [CLEAN])


def test_in_git_an_ignored_file_is_no_source(repo: Path) -> None:
    edit(repo / "dvc.yaml", "--n 3", "--n data/local.csv")
    edit(repo / "dvc.yaml", "      - features\n", "      - features\n      - data/local.csv\n")
    (repo / "data/local.csv").write_text("x\n")
    subprocess.run(["git", "init", "-q"], cwd=repo, check=True)
    assert run(repo) == (0, [CLEAN])
    (repo / ".gitignore").write_text("local.csv\n")
    assert "data/local.csv must be an output of another stage or in Git" in run(repo)[1][0]


def test_input_errors_are_one_line(repo: Path) -> None:
    (repo / "aisle/ids.py").write_text("import (\n")
    done = subprocess.run([sys.executable, str(TOOL), "--root", str(repo)], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and "aisle/ids.py:1: " in done.stderr


def test_help() -> None:
    done = subprocess.run([sys.executable, str(TOOL), "--help"], capture_output=True, text=True, check=True)
    assert "--fix" in done.stdout and "--root" in done.stdout


def test_this_repository_agrees() -> None:
    """As `make lint` runs it, in a process of its own."""
    done = subprocess.run([sys.executable, str(TOOL)], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stderr, done.stdout + done.stderr


def test_a_fault_is_status_1(repo: Path) -> None:
    edit(repo / "dvc.yaml", "    desc: Write the report.\n", "")
    done = subprocess.run([sys.executable, str(TOOL), "--root", str(repo)], capture_output=True, text=True)
    assert done.returncode == 1 and "stage report: must have a desc" in done.stdout and not done.stderr


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of what the tool reads of this repository."""
    for name in (
        "dvc.yaml",
        "params.yaml",
        "weights.yaml",
        "data/adjudicated.csv",
        "data/category_changes.csv",
        "data/labels.csv",
        "docs/data_dictionary.md",
        "docs/benchmarks/encoders.json",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("stages", "aisle", "data/sample", "models/pretrained/none"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.mark.parametrize("fault", ["dep", "param", "script"])
def test_fault_in_this_repository_is_found(copy: Path, fault: str) -> None:
    assert run(copy)[0] == 0
    body = YAML().load(copy / "dvc.yaml")
    nodes = {name: stage.get("do", stage) for name, stage in body["stages"].items()}
    if fault == "dep":
        nodes["embed_text"]["deps"].remove("data/code/stages/embed_text.txt")
        message = "dvc.yaml: stage embed_text: data/code/stages/embed_text.txt, the digest of what the stage"
    elif fault == "param":
        name = next(name for name, node in nodes.items() if node.get("params"))
        nodes[name]["params"].pop()
        message = f"dvc.yaml: stage {name}: section "
    else:
        (copy / "stages/nobody_runs_it.py").write_text("")
        message = "dvc.yaml: stage nobody_runs_it: stages/nobody_runs_it.py must be run by exactly one stage"
    text = StringIO()
    YAML().dump(body, text)
    (copy / "dvc.yaml").write_text(text.getvalue())
    status, lines = run(copy)
    assert status == 1
    assert any(line.startswith(message) for line in lines), "\n".join(lines)
