"""experiments.yaml: what is compared, on whom, and when it ends; written before the first look."""

from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from aisle.pipeline.errors import AisleError
from aisle.pipeline.params import Section, check, read_yaml

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]


class Experiment(Section):
    """What every experiment declares.

    Parameters
    ----------
    title
        The question, for people.
    start, end
        First and last day of the observations that count.
    alpha
        How often a difference may be claimed where there is none, however often it is looked at.
    smallest_effect
        Difference of the shares that would matter: what the forecast of power and duration is of.
    """

    title: str
    start: date
    end: date
    alpha: float = Field(0.05, gt=0, lt=0.5)
    smallest_effect: float = Field(gt=0, lt=1)

    @model_validator(mode="after")
    def _ordered(self) -> "Experiment":
        if self.end < self.start:
            raise ValueError("end must not be before start")
        return self


class Shadow(Experiment):
    """Both models predict every product; people judge those on which they disagree.

    Parameters
    ----------
    kind
        `shadow`.
    """

    kind: Literal["shadow"]


class Split(Experiment):
    """Each group of products, or seller, has one of two arms by its hash; successes are counted.

    Parameters
    ----------
    kind
        `split`.
    arms
        The two arms, the present one first, each with its share of the groups.
    outcome
        What is counted, for people.
    """

    kind: Literal["split"]
    arms: dict[Name, Annotated[float, Field(gt=0, lt=1)]] = Field(min_length=2, max_length=2)
    outcome: str

    @model_validator(mode="after")
    def _whole(self) -> "Split":
        if abs(sum(self.arms.values()) - 1) > 1e-9:
            raise ValueError(f"the arms' shares must sum to 1, not {sum(self.arms.values()):g}")
        return self


Declared = Annotated[Shadow | Split, Field(discriminator="kind")]


FILE = "experiments.yaml"


def read(stream: Path) -> dict[str, Shadow | Split]:
    """Return the experiments that a stream declares in its `FILE`, by name; none where there is no such file.

    Raises
    ------
    AisleError
        If the file is no mapping `experiments: {name: ...}`, or an experiment is not as declared above.
    """
    path = stream / FILE
    if not path.is_file():
        return {}
    content = read_yaml(path)
    if {*content} != {"experiments"}:
        raise AisleError(f"{path} must have one key, experiments; it has {', '.join(map(repr, content))}")
    return check(content["experiments"] or {}, dict[Name, Declared], f"{path}: experiments")
