"""pipeline/names.py: nothing that a param holds reaches a shell but plain words."""

import copy
import re
import shlex
from pathlib import Path

import pytest

from aisle.pipeline import dvc_file, names
from aisle.pipeline.errors import AisleError
from aisle.pipeline.params import load_params, read_yaml

REPO = Path(__file__).parents[3]
HOSTILE = (
    "$(touch x)",
    "none;touch x;true",
    "a b",
    "`id`",
    "a'b",
    'a"b',
    "a\nb",
    "../x",
    "-x",
    "a&b",
    "ä",
    "",
    "x*",
)


def repository():
    dvc = read_yaml(REPO / "dvc.yaml")
    return dvc, dvc_file.values(REPO, dvc)


def places(values, where=()):
    """Yield each leaf that is a text, and each key of a mapping, as a path of keys."""
    pairs = values.items() if isinstance(values, dict) else enumerate(values)
    for key, value in pairs:
        if isinstance(values, dict):
            yield "key", (*where, key)
        if isinstance(value, dict | list):
            yield from places(value, (*where, key))
        elif isinstance(value, str):
            yield "value", (*where, key)


def spoiled(values, kind, where, text):
    result = copy.deepcopy(values)
    inner = result
    for key in where[:-1]:
        inner = inner[key]
    if kind == "value":
        inner[where[-1]] = text
    else:
        inner[text] = inner.pop(where[-1])
    return result


TEXT = 'X $(touch x);y `id` \\ " * > z $HOME'


@pytest.fixture(scope="module")
def reached():
    """Return where a text of params reaches commands: its place, what is wrong with params then, commands.

    Each text and each key of params.yaml and weights.yaml is spoiled, one by one, and dvc.yaml is rendered.
    """
    dvc, values = repository()
    found = []
    for kind, where in places(values):
        bad = spoiled(values, kind, where, TEXT)
        try:
            stages = dvc_file.resolve(dvc, bad)
        except AisleError:  # dvc.yaml wants the key: nothing runs
            continue
        if commands := [stage.cmd for stage in stages.values() if TEXT in stage.cmd]:
            found.append((f"{kind} {'.'.join(map(str, where))}", names.wrong(bad), commands))
    assert len(found) > 60  # the tests see what they look for
    return found


def test_no_param_reaches_a_command_unless_it_is_a_plain_word(reached):
    assert [place for place, wrong, _ in reached if not wrong] == []


def test_what_a_plain_dvc_repro_writes_into_commands_a_shell_does_not_read(reached):
    """Every template stands in single quotes: only a quote could end them, and no check is needed before.

    A name with a quote is refused by `make repro`, `make study`, the linter and the stages.
    """
    for place, _, commands in reached:
        for command in commands:
            assert "$(touch" not in re.sub(r"'[^']*'", "", command), place
            assert not {"X", "z", ">", ";y"} & {*shlex.split(command)}, place


def test_this_repository_is_plain():
    assert names.wrong(repository()[1]) == []


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_refused(text):
    entry = {"title": "any $(text) here", "classifier": "text_linear", "input": "data/text.parquet"}
    spoiled = [
        {"weights": {text: {}}},
        {"weights": {"net": {"files": {f"{text}": {}}}}},
        {"classifiers": {"mine": entry | {"input": text}}},
        {"classifiers": {text: entry}},
        {"transfer": {"backbones": [text]}},
        {"grad_cam": {"model": text, "backbone": "models/x"}},
        {"explain": {"text": {"model": [text]}}},
    ]
    assert names.wrong({"classifiers": {"mine": entry}}) == []
    for values in spoiled:
        with pytest.raises(AisleError, match=r"params: .* must be a (name|path)"):
            names.check(values, "params")


@pytest.mark.parametrize(
    "name", ["../../../x", "/etc/x", "a/../../b", "a//b", ".hidden", "a/.b", "a/", "a\\..\\b b"]
)
def test_a_weights_file_lies_below_its_store(name):
    with pytest.raises(AisleError, match=r"a key of weights\.net\.files must be a path below the root"):
        names.check({"weights": {"net": {"files": {name: {}}}}}, "weights.yaml")


def test_what_is_accepted():
    files = {"model.safetensors": {}, "1_Pooling/config.json": {}}
    names.check(
        {"weights": {"net_2-b": {"export": "x", "files": files}, 2024: {"files": None}}}, "weights.yaml"
    )
    names.check({"evaluation": None, "classifiers": {}, "seeds": [1]}, "params.yaml")


def test_a_stage_reads_no_section_of_a_file_with_another_name(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("folds: {seed: 1}\nfeature_sets: {'x;y': {features: a.parquet}}\n")
    with pytest.raises(AisleError, match=r"params\.yaml: a key of feature_sets must be a name.*'x;y'"):
        load_params(path, "folds", dict[str, int])


def test_what_is_covered():
    for place in ("classifiers.*.input", "classifiers.key", "grad_cam.model", "encoders.text.*.weights"):
        assert names.covers(place)
    for place in ("catalogue.table", "catalogue.key", "classifiers.*.title", "classifiers", "weights.*.path"):
        assert not names.covers(place)
