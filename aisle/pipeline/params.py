"""Read one section of params.yaml into its typed model.

Only stage scripts call `load_params`, with the section's name written out, so that tools/lint_pipeline.py
can compare what a stage reads with what dvc.yaml declares. A section's model stands in the module that uses
it: a stage then depends on the sections it reads and on no others.
"""

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from yaml import YAMLError

from aisle.pipeline import names, yaml_reader
from aisle.pipeline.errors import AisleError, some


class Section(BaseModel):
    """Base of every params section: immutable, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


T = TypeVar("T")


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Return a YAML 1.2 mapping (DVC's dialect: `1e-4` is a number).

    Raises
    ------
    AisleError
        If the file is missing, is not YAML or is not a mapping.
    """
    try:
        data = yaml_reader.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise AisleError(f"{path} must be a YAML file; there is none. Run from the root.") from None
    except YAMLError as error:
        raise AisleError(f"{path} must be valid YAML: {error}") from None
    if not isinstance(data, dict):
        raise AisleError(f"{path} must be a YAML mapping, not {type(data).__name__}")
    return data


def check(value: Any, model: type[T], where: str) -> T:
    """Return `value` as `model`; `where` begins the error that names every wrong value.

    Raises
    ------
    AisleError
        If a value is not what the model says.
    """
    try:
        return TypeAdapter(model).validate_python(value)
    except ValidationError as error:
        lines = [
            f"{'.'.join([where, *map(str, item['loc'])])}: {item['msg']} (found {item['input']!r})"
            for item in error.errors()
        ]
        raise AisleError("; ".join(lines)) from None


def load_params(path: str | Path, section: str, model: type[T]) -> T:
    """Return `section` of the params file, checked against `model`.

    Parameters
    ----------
    path
        The params file.
    section
        Dotted name, such as `folds` or `encoders.text.bow`.
    model
        A pydantic model, or any type that pydantic can check (`dict[str, Linear]`).

    Raises
    ------
    AisleError
        If the section is missing or a value is not what the model says; names every wrong value. Also if a
        name or a path of any section is none: see aisle/pipeline/names.py.
    """
    value: Any = read_yaml(path)
    names.check(value, str(path))
    for part in section.split("."):
        if not isinstance(value, dict) or part not in value:
            found = some(value) if isinstance(value, dict) else repr(value)
            raise AisleError(f"{path}: there must be a section '{section}'; no '{part}' in {found}")
        value = value[part]
    return check(value, model, f"{path}: {section}")
