"""pipeline/params.py: typed sections, YAML 1.2, errors that name what is wrong."""

import pytest
from pydantic import Field

from aisle.pipeline.errors import AisleError
from aisle.pipeline.params import Section, load_params, read_yaml


class Inner(Section):
    rate: float = Field(gt=0)
    name: str


@pytest.fixture
def file(tmp_path):
    """Return a function that writes a params file and returns its path."""

    def write(text):
        path = tmp_path / "params.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_section_becomes_its_model(file):
    path = file("outer:\n  inner: {rate: 1e-4, name: x}\n")
    assert load_params(path, "outer.inner", Inner) == Inner(rate=0.0001, name="x")


def test_yaml_1_2_number_and_words(file):
    data = read_yaml(file("a: 1e-4\nb: no\nc: 010\n"))
    assert data["a"] == pytest.approx(0.0001) and isinstance(data["a"], float)
    assert data["b"] == "no", "YAML 1.1 would make it False"
    assert data["c"] == 10, "YAML 1.1 would make it 8"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("s: {rate: -3, name: x}", ["s.rate", "greater than 0", "-3"]),
        ("s: {rate: fast, name: x}", ["s.rate", "'fast'"]),
        ("s: {rate: 1}", ["s.name", "required"]),
        ("s: {rate: 1, name: x, nmae: y}", ["s.nmae", "not permitted", "'y'"]),
        ("s: {rate: 0, name: [1]}", ["s.rate", "s.name"]),
        ("s: 3", ["s: ", "3"]),
        ("other: {rate: 1}", ["'s'", "other"]),
        ("- 1", ["mapping", "list"]),
        ("s: {rate: 1", ["valid YAML"]),
        ("s: 1\ns: 2", ["valid YAML", "s"]),
        ("", ["mapping"]),
    ],
)
def test_what_is_wrong_is_named(file, text, told):
    path = file(text)
    with pytest.raises(AisleError) as error:
        load_params(path, "s", Inner)
    assert all(part in str(error.value) for part in [str(path), *told]), str(error.value)


def test_a_missing_part_of_a_dotted_name_is_named(file):
    with pytest.raises(AisleError, match=r"section 'a\.b\.c'.*'b'.* x, y"):
        load_params(file("a: {x: 1, y: 2}"), "a.b.c", Inner)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(AisleError, match=r"nowhere\.yaml"):
        read_yaml(tmp_path / "nowhere.yaml")


def test_a_section_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        Inner(rate=1, name="x").rate = 2


def test_the_params_of_the_repository_are_read(repo):
    from aisle.catalogue.splits import FoldsParams

    assert load_params(repo / "params.yaml", "folds", FoldsParams).n_splits >= 2
