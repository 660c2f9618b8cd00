"""Where pretrained weights come from: what weights.yaml says of each model and its files."""

from hashlib import sha256
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from aisle.pipeline.params import Section
from aisle.pretrained.status import ABSENT, NONE, UNTRAINED


class WeightsFile(Section):
    """One file of a pretrained model: where it is, and the digest that it must have.

    Parameters
    ----------
    url
        Official address; null if it has none.
    package
        The file's place in the installed package that carries it.
    sha256
        Null if nobody could tell it yet: `make weights` records it when the file is first downloaded.
    md5
        As its publisher states it, where that is all there is; checked as well.
    digest_from
        Who says so.
    megabytes
        Size, in 10^6 bytes, for the one who waits for it.
    learned
        False for a file that random weights need as well, such as a vocabulary; it is taken from the package
        where there is one, whatever the source.
    """

    url: str | None = None
    package: str | None = None
    sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$")
    md5: str | None = Field(None, pattern="^[0-9a-f]{32}$")
    digest_from: str = ""
    megabytes: float = 0
    learned: bool = True


class Package(Section):
    """An installed package that carries files; none of its code is used."""

    name: str
    version: str


class WeightsParams(Section):
    """Section `weights.<name>`.

    Parameters
    ----------
    export
        File of aisle/pretrained/exports/ that makes the model which encoders run.
    options
        The export's options, such as the architecture.
    random_options
        Replace options where the source is random: what says nothing need not be large.
    source
        `official`: the address of each file. `path`: a local file or folder. `package`: an installed package.
        `random`: drawn with `seed`, untrained. `absent`: none to be had; tables say so. `none`: none needed.
    revision, licence
        Version and licence of the official files.
    files
        Their names.
    path
        The file of source `path`, or a folder that has the files by name.
    package
        The package of source `package`; it also carries the files that are not learned, whatever the source.
    seed
        Seed of the random weights, with source `random`.
    """

    export: str
    options: dict[str, Any] = Field(default_factory=dict)
    random_options: dict[str, Any] = Field(default_factory=dict)
    source: Literal["official", "path", "package", "random", "absent", "none"]
    revision: str = ""
    licence: str = ""
    files: dict[str, WeightsFile] = Field(default_factory=dict)
    path: str | None = None
    package: Package | None = None
    seed: int = 0

    @model_validator(mode="before")
    @classmethod
    def _is_small_if_random(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("source") == "random":
            return data | {"options": data.get("options", {}) | data.get("random_options", {})}
        return data

    @model_validator(mode="after")
    def _has_files(self) -> Self:
        real = self.source in ("official", "path", "package")
        if real and not any(file.learned for file in self.files.values()):
            raise ValueError(f"files must name the weights with source: {self.source}")
        return self


def label(params: WeightsParams) -> str:
    """Return what stands for the weights in the metadata of features and in tables."""
    marks = {"random": UNTRAINED, "absent": ABSENT, "none": NONE}
    if params.source in marks:
        return marks[params.source]
    known = [f"{name} {file.sha256}" for name, file in sorted(params.files.items())]
    return sha256("\n".join(known).encode()).hexdigest()
