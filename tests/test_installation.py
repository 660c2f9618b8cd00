"""pyproject.toml's groups of dependencies, requirements.txt, and what the code imports."""

import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from aisle.deployment.logged_models import NOT_TO_PREDICT
from aisle.pipeline.imports import Sources

GROUPS = {"pipeline", "batch", "s3", "ray", "track", "serve", "monitor", "report", "dev"}
BESIDE = {"batch", "serve"}
"""Groups that are installed without the pipeline and the report, and name some of their packages."""
LEARNED = {"bow", "tfidf", "word2vec", "visual_words"}  # encoders that no model may read
FRAMEWORK = {"use", "sentence_transformer"}  # not converted: predicting with them takes TensorFlow, or torch


@pytest.fixture(scope="module")
def groups(repo: Path) -> dict[str, list[Requirement]]:
    """Return the requirements of each group, the core's as `core`."""
    project = tomllib.loads((repo / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = {"core": project["dependencies"], **project["optional-dependencies"]}
    return {group: [Requirement(line) for line in lines] for group, lines in listed.items()}


@pytest.fixture(scope="module")
def pins(repo: Path) -> dict[str, str]:
    """Return the version of each name in requirements.txt."""
    lines = (repo / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pinned = [Requirement(line.split(" #")[0]) for line in lines if line and not line.startswith(("#", "-"))]
    found = {}
    for each in pinned:
        (specifier,) = each.specifier
        assert specifier.operator == "==", f"requirements.txt must pin {each.name}"
        found[canonicalize_name(each.name)] = specifier.version
    return found


def test_every_group_is_there_and_a_name_is_in_one_of_them(groups):
    assert {*groups} == {"core", *GROUPS}
    names = {group: [canonicalize_name(each.name) for each in listed] for group, listed in groups.items()}
    alone = [name for group in names if group not in BESIDE for name in names[group]]
    assert len(alone) == len({*alone})
    for group in BESIDE:
        assert {*names[group]} & {*alone} <= {*names["pipeline"], *names["report"]}


def test_requirements_pin_the_groups_and_nothing_else(groups, pins):
    named = {canonicalize_name(each.name): each.specifier for group in groups.values() for each in group}
    assert {*named} == {*pins}, f"in one of the two alone: {', '.join({*named} ^ {*pins})}"
    outside = [name for name, versions in named.items() if not versions.contains(pins[name])]
    assert not outside, f"requirements.txt has versions that the groups of pyproject.toml exclude: {outside}"


def test_constraints_pin_the_same_versions(repo, pins):
    lines = (repo / "constraints.txt").read_text(encoding="utf-8").splitlines()
    others = dict(line.split("==") for line in lines if "==" in line)
    others = {canonicalize_name(name): number for name, number in others.items()}
    assert not {name: others[name] for name in pins if others.get(name, pins[name]) != pins[name]}


def needs(repo: Path, *modules: str) -> set[str]:
    """Return the distributions that modules import, at any depth and in their functions."""
    sources, providers = Sources(repo), packages_distributions()
    outside = {name for module in modules for name in sources.libraries(module)}
    assert outside <= {*providers}, f"not installed: {outside - {*providers}}"
    return {canonicalize_name(name) for top in outside for name in providers[top]}


def test_the_core_is_what_predicting_imports(repo, groups):
    folder = repo / "aisle/representations/encoders"
    encoders = {path for kind in ("text", "image") for path in (folder / kind).glob("[!_]*.py")}
    assert {path.stem for path in encoders} > LEARNED | FRAMEWORK
    modules = ["aisle.predict", "aisle.deployment.predictor"]
    for path in sorted(path for path in encoders if path.stem not in LEARNED | FRAMEWORK):
        modules.append(f"aisle.representations.encoders.{path.parent.name}.{path.stem}")
    for path in sorted((repo / "aisle/models").rglob("[!_]*.py")):  # what is in estimator.npz
        if path.parent.name in ("classifiers", "heads", "fusion_networks") or path.stem == "decision_fusion":
            modules.append(path.relative_to(repo).with_suffix("").as_posix().replace("/", "."))
    core = {canonicalize_name(each.name) for each in groups["core"]}
    trained = {"keras", "tensorflow"}  # heads are trained with Keras and predict without
    of_shards = {"fsspec", "ray"}
    unused = {canonicalize_name(name) for name in NOT_TO_PREDICT} | trained | of_shards
    assert needs(repo, *modules) - unused == core


def test_the_group_serve_is_what_the_service_imports_beside_the_core(repo, groups):
    modules = [
        path.relative_to(repo).with_suffix("").as_posix().replace("/", ".")
        for path in sorted((repo / "aisle/service").rglob("*.py"))
        if path.name != "__init__.py" and "versions" not in path.parts
    ]
    named = {group: {canonicalize_name(each.name) for each in groups[group]} for group in ("core", "serve")}
    parts = {"pydantic-core", "fsspec", "ray"}  # of pydantic; of predicting shards, which a service does not
    by_name = {
        "uvloop",
        "httptools",
        "psycopg",
        "psycopg-binary",
    }  # uvicorn and SQLAlchemy load these by their names
    never = {canonicalize_name(name) for name in NOT_TO_PREDICT - {"pyarrow"}}
    trained = {"keras", "tensorflow", "tensorflow-hub", "sentence-transformers"}
    found = needs(repo, *modules) - never - trained - parts
    assert found - named["core"] == named["serve"] - by_name
