"""The whole pipeline on generated catalogues: seconds and memory of each stage, and how both grow.

Each stage's command runs by itself, in the order of dvc.yaml's graph, in a workspace as a study has
(build/scale/), without DVC: what that costs is so much a file, whatever the products.
"""

import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from graphlib import TopologicalSorter
from math import log
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from aisle.pipeline import dvc_file
from aisle.pipeline.params import read_yaml
from tools import make_catalogue, study
from tools.measured import measured_command

WORK = study.ROOT / "build" / "scale"
MODELS = Path(__file__).with_suffix(".yaml")
SIZES = (1_000, 10_000)
SEED = 0
LONG = 2.0
"""Processor seconds that a stage must take for an exponent of its time to say anything: of less, most is its
start."""


def order(stages: Mapping[str, dvc_file.Stage]) -> list[dvc_file.Stage]:
    """Return stages so that each comes after those whose outputs it reads."""
    made = {out: name for name, stage in stages.items() for out in stage.outputs}

    def makers(stage: dvc_file.Stage) -> set[str]:
        pairs = ((Path(dep), Path(out), name) for dep in stage.deps for out, name in made.items())
        return {name for dep, out, name in pairs if dep.is_relative_to(out) or out.is_relative_to(dep)}

    graph = {name: makers(stage) - {name} for name, stage in stages.items()}
    return [stages[name] for name in TopologicalSorter(graph).static_order()]


def prepared(products: int, pictures: bool) -> Path:
    """Return a new workspace with the code and the parameters of a generated catalogue."""
    name = f"generated-{products}{'' if pictures else '-texts'}"
    catalogue, workspaces = WORK / "catalogues" / name, WORK / "workspaces"
    shutil.rmtree(workspaces / name, ignore_errors=True)
    make_catalogue.write(catalogue, products, SEED, pictures)
    mapping = {**read_yaml(catalogue / "catalogue.yaml"), **read_yaml(MODELS)}
    mapping["catalogue"]["name"] = name
    path = WORK / f"{name}.yaml"
    with path.open("w", encoding="utf-8") as file:
        YAML().dump(mapping, file)
    workspace = workspaces / study.write_params(workspaces, catalogue, path)
    study.copy_code(workspace)
    study.copy_given(workspace, catalogue)
    study.make_empty_folders(workspace)
    return workspace


def run(workspace: Path, wanted: Iterable[str] = ()) -> dict[str, dict[str, float]]:
    """Run a workspace's stages, those of the entries or names `wanted` or all; return what each has cost."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "AISLE_CACHE": str(workspace.resolve() / ".cache" / "items"),
    }
    names, costs = {*wanted}, dict[str, dict[str, float]]()
    for stage in order(dvc_file.read(workspace)):
        if names and not names & {stage.entry, stage.name}:
            continue
        cost = measured_command(stage.cmd, workspace, environment)
        costs[stage.name] = {
            "seconds": cost.seconds,
            "cpu_seconds": cost.cpu_seconds,
            "peak_mb": cost.peak_mb,
        }
        print(stage.name, costs[stage.name], file=sys.stderr, flush=True)
    return costs


def growth(small: Mapping[str, Any], large: Mapping[str, Any], times: float) -> dict[str, dict[str, float]]:
    """Return the exponents of growth of each stage that both runs have: cost = constant x products^exponent.

    Parameters
    ----------
    small, large
        Costs of the stages, from `run`.
    times
        How many times as many products the larger has.

    Returns
    -------
    dict
        Stage to `time` (of the processor seconds; left out where even the larger run takes less than `LONG`)
        and `memory`.
    """
    found: dict[str, dict[str, float]] = {}
    for name in [name for name in small if name in large]:
        less, more = small[name], large[name]
        exponents = {"memory": log(more["peak_mb"] / less["peak_mb"]) / log(times)}
        if more["cpu_seconds"] >= LONG:
            exponents["time"] = log(more["cpu_seconds"] / max(less["cpu_seconds"], 0.01)) / log(times)
        found[name] = {key: round(value, 2) for key, value in sorted(exponents.items())}
    return found


def measure(products: Iterable[int] = SIZES, pictures: bool = True) -> dict[str, Any]:
    """Return the costs of each stage at each size, and how they grow from each size to the next."""
    runs = {n: run(prepared(n, pictures)) for n in sorted(products)}
    result: dict[str, Any] = {}
    for n, costs in runs.items():
        total = {
            key: round(sum(each[key] for each in costs.values()), 1) for key in ("seconds", "cpu_seconds")
        }
        result[str(n)] = {
            **total,
            "peak_mb": max(each["peak_mb"] for each in costs.values()),
            "stages": costs,
        }
    for few, many in zip(list(runs)[:-1], list(runs)[1:], strict=True):
        result[f"growth_{few}_{many}"] = growth(runs[few], runs[many], many / few)
    return result
