"""pipeline/yaml_reader.py against ruamel.yaml, by which DVC reads."""

import subprocess

import pytest
import yaml
from ruamel.yaml import YAML

from aisle.pipeline.yaml_reader import loads

WORDS = """
1e-4 1E5 1.5e-3 1e+2 -2.5 +3 .5 5. 1_000 1_0.5 0 -0 00 010 0202 0o10 0x1F 0b11 08 -010 1:30 12:30:45 1.2.3
1e 1e-
yes no on off y n Y N true True TRUE tRue false null Null ~ nan .nan .NaN inf .inf -.inf +.INF infinity
2026-11-29 2026-1-1 1-2 -- -a +a . .. ... .a e5 _1 1_ 0x 0o 0o8 0b2 <<a =a abc 4k 3.11.0
"""


@pytest.mark.parametrize("word", WORDS.split())
def test_a_plain_word_is_what_dvc_takes_it_for(word):
    text = f"- {{a: {word}}}\n" if word not in ("--", "...") else f"- a: {word}\n"
    expected, found = YAML(typ="safe", pure=True).load(text), loads(text)
    assert repr(found) == repr(expected)


def test_every_yaml_file_of_the_repository(repo):
    command = ["git", "ls-files", "-z", "*.yaml", "*.yml", "dvc.lock"]
    listed = subprocess.run(command, cwd=repo, capture_output=True, text=True, check=True)
    files = [repo / name for name in listed.stdout.split("\0") if name]
    assert len(files) >= 5
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert loads(text) == YAML(typ="safe").load(text), file


def test_anchors_merges_and_quotes():
    text = "a: &a {x: 1, y: '2'}\nb:\n  <<: *a\n  y: 3\nc: \"010\"\nd: |\n  no\ne:\n"
    assert loads(text) == {"a": {"x": 1, "y": "2"}, "b": {"x": 1, "y": 3}, "c": "010", "d": "no\n", "e": None}
    assert loads(text) == YAML(typ="safe").load(text)


@pytest.mark.parametrize(
    "text", ["a: 1\na: 2\n", "x: {b: 1, b: 1}\n", "a: [", "a: !!python/object/apply:os.getcwd []\n"]
)
def test_what_is_no_plain_yaml_is_an_error(text):
    with pytest.raises(yaml.YAMLError):
        loads(text)
