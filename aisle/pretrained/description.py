"""The description that stands beside exported models, in `weights.json`.

`stages/fetch_weights.py` makes one folder for each entry of `weights`: models/pretrained/<name>/ with the
models that encoders run and `weights.json`. An encoder reads that folder and nothing else.
"""

import json
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from aisle.pipeline import atomic
from aisle.pipeline.errors import AisleError
from aisle.pretrained.sources import WeightsParams, label
from aisle.pretrained.status import ABSENT, NONE

FILE = "weights.json"


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
    megabytes
        Size of the official files that hold weights, as weights.yaml says.
    facts
        What the export says of its model: side of the picture in pixels, vector's dimension ...
    """

    label: str
    source: str
    revision: str = ""
    licence: str = ""
    export: str = ""
    model: str = NONE
    megabytes: float = 0
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


def model_digest(folder: Path) -> str:
    """Return the digest of a folder's exported files, contents and places; NONE where there are none."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / FILE)
    lines = [f"{path.relative_to(folder).as_posix()} {digest(path)}" for path in files]
    return sha256("\n".join(lines).encode()).hexdigest() if lines else NONE


def describe(params: WeightsParams, facts: dict[str, Any], folder: Path) -> Weights:
    """Return the description of a folder of exported models."""
    model = model_digest(folder)
    source = params.source, params.revision, params.licence, params.export
    megabytes = sum(file.megabytes for file in params.files.values() if file.learned)
    return Weights(label(params), *source, model, megabytes, facts)


def write(weights: Weights, folder: Path) -> None:
    """Write `weights.json`."""
    text = json.dumps(asdict(weights), indent=2, ensure_ascii=False)
    atomic.write_text(folder / FILE, text + "\n")


def read(folder: str | Path) -> Weights:
    """Read the description of a folder of `models/pretrained/`."""
    try:
        return Weights(**json.loads((Path(folder) / FILE).read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise AisleError(f"{folder} must hold {FILE}; it does not. `dvc repro` makes it.") from None
