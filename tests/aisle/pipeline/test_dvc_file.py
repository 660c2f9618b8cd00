"""pipeline/dvc_file.py: what DVC itself makes of a dvc.yaml."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aisle.pipeline import dvc_file
from aisle.pipeline.errors import AisleError

AS_DVC_SEES_IT = """
import json
from dvc.repo import Repo
found = {}
for stage in Repo().index.stages:
    outs = {"outs": [], "metrics": [], "plots": []}
    for out in stage.outs:
        outs["metrics" if out.metric else "plots" if out.plot else "outs"].append(out.def_path)
    params = {dep.def_path: dep.params for dep in stage.deps if hasattr(dep, "params")}
    deps = [dep.def_path for dep in stage.deps if not hasattr(dep, "params")]
    cmd = stage.cmd if isinstance(stage.cmd, str) else "\\n".join(stage.cmd)
    found[stage.addressing] = {"cmd": cmd, "desc": stage.desc, "deps": deps, "params": params, **outs}
print(json.dumps(found))
"""
NO_GIT = "[core]\n    no_scm = true\n"
ODD = {
    ".dvc/config": NO_GIT,
    "params.yaml": """
      catalogue: {table: shop.csv}
      rate: 1e-4
      on: true
      nothing: {}
      names: [a, b]
      seeds: [0, 1]
      deep: {nets: {x: {layers: [64, 32]}, y: {layers: [16, 8]}}}
    """,
    "more.yaml": "weights: {w1: {kind: big}, w2: {kind: small}}\nunused: 1\n",
    "dvc.yaml": """
      vars:
        - more.yaml:weights
        - here: {word: said}
      stages:
        plain:
          cmd: ["echo ${ rate } ${on} > one.txt", "echo ${here.word} ${weights.w1.kind} > two.txt"]
          deps: ["${catalogue.table}"]
          params:
            - rate
            - names
            - more.yaml: [weights.w1.kind]
            - other.json:
          outs: [one.txt, two.txt: {cache: false}]
        listed:
          foreach: ${names}
          do: {cmd: "echo ${item}", outs: ["listed-${item}.txt"], params: [rate]}
        numbered:
          foreach: [{n: 1}, {n: 2}]
          do: {cmd: "echo ${item.n}", metrics: ["numbered-${item.n}.json"]}
        mapped:
          foreach: ${deep.nets}
          do:
            desc: The net ${key}
            cmd: echo --layers ${item.layers[0]} --second=${item.layers[1]} --dry
            params: ["deep.nets.${key}"]
            plots: ["mapped-${key}.csv": {x: a, y: b}]
        grid:
          matrix: {net: [x, "${names[1]}"], seed: "${seeds}"}
          cmd: echo ${item.net} ${item.seed} ${key}
          outs: ["grid-${item.net}-${item.seed}.txt"]
        empty:
          foreach: ${nothing}
          do: {cmd: "echo ${key}"}
    """,
}


def as_dvc(folder: Path) -> dict:
    command = [sys.executable, "-c", AS_DVC_SEES_IT]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def as_read(folder: Path) -> dict:
    return {
        name: {
            "cmd": stage.cmd,
            "desc": stage.desc or None,
            "deps": list(stage.deps),
            "params": {file: list(keys) for file, keys in stage.params.items()},
            **{key: list(getattr(stage, key)) for key in dvc_file.OUTPUTS},
        }
        for name, stage in dvc_file.read(folder).items()
    }


def assert_as_dvc(folder: Path) -> None:
    expected, found = as_dvc(folder), as_read(folder)
    assert sorted(found) == sorted(expected)
    for name, stage in expected.items():
        assert {
            key: sorted(value) if key != "cmd" and value else value for key, value in found[name].items()
        } == {key: sorted(value) if key != "cmd" and value else value for key, value in stage.items()}, name


@pytest.fixture
def odd(tmp_path, write_files):
    """Return a repository of DVC with all that templates can be."""
    write_files(tmp_path, ODD)
    return tmp_path


def test_the_repositorys_stages_are_those_of_dvc(repo, tmp_path):
    for path in repo.glob("*.yaml"):
        shutil.copyfile(path, tmp_path / path.name)
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text(NO_GIT)
    assert_as_dvc(tmp_path)


def test_whatever_a_template_can_be(odd):
    assert_as_dvc(odd)


def test_flags_of_a_command(odd):
    stage = dvc_file.read(odd)["mapped@x"]
    assert stage.flags == {"layers": "64", "second": "32", "dry": ""}
    assert (stage.name, stage.entry, stage.item) == ("mapped@x", "mapped", "x")
    assert stage.outputs == ("mapped-x.csv",)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "foreach: ${names}",
            "foreach: ${rate}",
            r"stage listed: foreach must be a dict or a list, not \$\{rate\}",
        ),
        ('seed: "${seeds}"', 'seed: "${rate}"', r"stage grid: matrix seed must be a list, not 0\.0001"),
        ("echo ${item.n}", "echo ${item.m}", r"stage numbered@0: \$\{item.m\} must be in params.yaml"),
        ("- more.yaml:weights", "- none.yaml", r"none\.yaml must be a YAML file"),
        ("- here: {word: said}", "- rate: 2", r"dvc.yaml: vars must not set 'rate' a second time"),
    ],
)
def test_what_is_wrong_is_named(odd, old, new, told):
    text = (odd / "dvc.yaml").read_text()
    assert text.count(old) == 1
    (odd / "dvc.yaml").write_text(text.replace(old, new))
    with pytest.raises(AisleError, match=told):
        dvc_file.read(odd)
