"""Pretrained weights: what params.yaml says of them, and the description that stands beside exported models.

`stages/fetch_weights.py` makes one folder for each entry of `weights`: models/pretrained/<name>/ with the
models that encoders run and `weights.json`. An encoder reads that folder and nothing else.
"""

import json
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from aisle.errors import AisleError
from aisle.params import Section

FILE = "weights.json"
NONE, UNTRAINED, ABSENT = "none", "untrained", "not available"
"""What stands for the digest: no weights needed; random ones; none to be had here."""


class WeightsFile(Section):
    """One file of a pretrained model: where it is, and the digest that it must have.

    Parameters
    ----------
    url
        Official address; null if it has none.
    package
        Its place in the installed package that carries it.
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
        File of aisle/exports/ that makes the model which encoders run.
    options
        Its options, such as the architecture.
    random_options
        Replace options where the source is random: what says nothing need not be large.
    source
        `official`: the address of each file. `path`: a local file or folder. `package`: an installed package.
        `random`: drawn with `seed`, untrained. `absent`: none to be had; tables say so. `none`: none needed.
    revision, licence
        Of the official files.
    files
        Their names.
    path
        For `path`: the file, or a folder that has the files by name.
    package
        For `package`, and for files that are not learned, whatever the source.
    seed
        For `random`.
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


@dataclass(frozen=True)
class Weights:
    """What `weights.json` says.

    Attributes
    ----------
    label
        Digest of the pretrained files, or one of NONE, UNTRAINED, ABSENT.
    source, revision, licence
        As in params.yaml.
    export
        What made the models: an encoder runs those of one kind.
    model
        Digest of the exported files, part of each vector's key in the item cache.
    facts
        What the export says of its model: side of the picture in pixels, vector's dimension ...
    """

    label: str
    source: str
    revision: str = ""
    licence: str = ""
    export: str = ""
    model: str = NONE
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def available(self) -> bool:
        """Whether an encoder can run."""
        return self.label != ABSENT


def digest(path: Path, algorithm: str = "sha256") -> str:
    """Return a file's digest, in hexadecimal."""
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def label(params: WeightsParams) -> str:
    """Return what stands for the weights in the metadata of features and in tables."""
    marks = {"random": UNTRAINED, "absent": ABSENT, "none": NONE}
    if params.source in marks:
        return marks[params.source]
    known = [f"{name} {file.sha256}" for name, file in sorted(params.files.items())]
    return sha256("\n".join(known).encode()).hexdigest()


def kind(label: str) -> str:
    """Return NONE, UNTRAINED or ABSENT as they are, and `pretrained` for a digest."""
    return label if label in (NONE, UNTRAINED, ABSENT) else "pretrained"


def combined(parts: list[str]) -> str:
    """Return the label of what several make together: the worst of them, or all their digests.

    `not available` if one is, else `untrained` if one is, else the digests joined by `+`; `none` if no part
    has any.
    """
    for worst in (ABSENT, UNTRAINED):
        if worst in parts:
            return worst
    return "+".join(dict.fromkeys(part for part in parts if part != NONE)) or NONE


def describe(params: WeightsParams, facts: dict[str, Any], folder: Path) -> Weights:
    """Return the description of a folder of exported models."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{path.relative_to(folder).as_posix()} {digest(path)}" for path in files]
    model = sha256("\n".join(lines).encode()).hexdigest() if lines else NONE
    source = params.source, params.revision, params.licence, params.export
    return Weights(label(params), *source, model, facts)


def write(weights: Weights, folder: Path) -> None:
    """Write `weights.json`."""
    text = json.dumps(asdict(weights), indent=2, ensure_ascii=False)
    (folder / FILE).write_text(text + "\n", encoding="utf-8")


def read(folder: str | Path) -> Weights:
    """Read the description of a folder of `models/pretrained/`."""
    try:
        return Weights(**json.loads((Path(folder) / FILE).read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise AisleError(f"{folder} must hold {FILE}; it does not. `dvc repro` makes it.") from None
