"""The listing of models: name, title and place of each, instead of whole sections of params.yaml.

`stages/list_models.py` writes data/listing.json. A model that it does not name is not scored, logged or
shown, even where a file of it was left by an earlier run.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from aisle.models import predictions_table
from aisle.models.predictions_table import NO_SEED
from aisle.pipeline import atomic, tables
from aisle.pipeline.errors import AisleError, some
from aisle.pretrained.status import NONE

CLASSIFIERS, FUSIONS, FINE_TUNED = "classifiers", "fusions", "fine_tuned"
"""Folders of predictions/ whose models have no seeds."""


@dataclass(frozen=True)
class ListedModel:
    """One model.

    Attributes
    ----------
    name, title
        For machines and for people.
    stage
        The stage of dvc.yaml that makes it, with its item.
    group
        Folder of its files below predictions/ and, of models with a history, below reports/histories/.
    seeds
        Of a model that is trained several times; empty for any other.
    pretrained
        Entry of weights.yaml, of a model on pictures alone by a pretrained encoder; `none` for any other.
    """

    name: str
    title: str
    stage: str
    group: str
    seeds: list[int] = field(default_factory=list)
    pretrained: str = NONE

    @property
    def has_history(self) -> bool:
        """Whether it is trained in epochs."""
        return bool(self.seeds) or self.group == FINE_TUNED

    @property
    def stems(self) -> dict[int, str]:
        """Seed (NO_SEED if it has none) to the path of its files, without the folder above and the suffix."""
        if not self.seeds:
            return {NO_SEED: f"{self.group}/{self.name}"}
        return {seed: f"{self.group}/{self.name}-{seed}" for seed in self.seeds}

    def files(self, folder: Path, suffix: str) -> dict[int, Path]:
        """Return its files below a folder (predictions/, reports/histories/), by seed.

        Raises
        ------
        AisleError
            If one is not there.
        """
        paths = {seed: folder / f"{stem}{suffix}" for seed, stem in self.stems.items()}
        if lacking := [str(path) for path in paths.values() if not path.is_file()]:
            raise AisleError(f"{some(lacking)} must be there for {self.name!r}; run `dvc repro`")
        return paths


@dataclass(frozen=True)
class Listing:
    """What is there to be scored, shown and logged.

    Attributes
    ----------
    models
        In the order of params.yaml.
    feature_sets
        Names of what is clustered.
    backbones
        Entry of weights.yaml that a picture encoder runs, to the feature sets of its vectors.
    """

    models: list[ListedModel]
    feature_sets: list[str]
    backbones: dict[str, list[str]]

    def model(self, name: str) -> ListedModel:
        """Return the model of a name."""
        return next(model for model in self.models if model.name == name)


def make(sections: dict[str, Any]) -> Listing:
    """Return the listing.

    Parameters
    ----------
    sections
        Sections of params.yaml by name: classifiers, zero_shot, fusions, fine_tunes, transfer,
        fusion_networks.names, seeds, encoders.image, feature_sets.

    Raises
    ------
    AisleError
        If two models have one name.
    """
    encoders, seeds = sections["encoders.image"], list(sections["seeds"])
    source = {f"features/image/{name}.parquet": entry["weights"] for name, entry in encoders.items()}
    models = [
        ListedModel(
            name, entry["title"], f"classify@{name}", CLASSIFIERS, [], source.get(entry["input"], NONE)
        )
        for name, entry in sections["classifiers"].items()
    ]
    models += [
        ListedModel(name, entry["title"], "fuse", FUSIONS) for name, entry in sections["fusions"].items()
    ]
    models += [
        ListedModel(name, entry["title"], f"zero_shot@{name}", CLASSIFIERS, [], entry["weights"])
        for name, entry in sections["zero_shot"].items()
    ]
    models += [
        ListedModel(name, entry["title"], f"fine_tune@{name}", FINE_TUNED, [], entry["weights"])
        for name, entry in sections["fine_tunes"].items()
    ]
    models += [
        ListedModel(
            *head_name(backbone, head, entry["title"]),
            f"train_heads@{backbone}",
            f"heads/{backbone}",
            seeds,
            encoders[backbone]["weights"],
        )
        for backbone in sections["transfer"]["backbones"]
        for head, entry in sections["transfer"]["heads"].items()
    ]
    models += [
        ListedModel(name, title, f"train_network@{name}", f"networks/{name}", seeds)
        for name, title in sections["fusion_networks.names"].items()
    ]
    names = [model.name for model in models]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise AisleError(f"models must have names of their own; {', '.join(twice)} is the name of several")
    sets = {name: entry["features"] for name, entry in sections["feature_sets"].items()}
    used = dict.fromkeys(entry["weights"] for entry in encoders.values() if entry["weights"] != NONE)
    backbones = {
        weights: [name for name, features in sets.items() if source.get(features) == weights]
        for weights in used
    }
    return Listing(models, list(sets), backbones)


class Predictions(Mapping[str, dict[int, pd.DataFrame]]):
    """The predictions of models by seed, read when they are asked for and not kept: all may be gigabytes.

    Parameters
    ----------
    files
        Of each model, by seed (NO_SEED of a model that has none).
    """

    def __init__(self, files: Mapping[str, Mapping[int, Path]]) -> None:
        self._files = files

    def __getitem__(self, name: str) -> dict[int, pd.DataFrame]:
        """Read the predictions of a model."""
        return {seed: predictions_table.read(path) for seed, path in self._files[name].items()}

    def __iter__(self) -> Iterator[str]:
        """Yield the models' names."""
        return iter(self._files)

    def __len__(self) -> int:
        """Return how many models there are."""
        return len(self._files)


def read_predictions(listing: Listing, folder: Path) -> Predictions:
    """Return the predictions of every listed model.

    Raises
    ------
    AisleError
        If a file is missing, or the folder has one more: left by an earlier run, it would be in its hash.
    """
    files = {model.name: model.files(folder, ".parquet") for model in listing.models}
    known = {path for paths in files.values() for path in paths.values()}
    if left := sorted(str(path) for path in {*folder.rglob("*.parquet")} - known):
        raise AisleError(f"{folder} must hold what params.yaml names and no more; delete {some(left)}")
    return Predictions(files)


def read_histories(listing: Listing, folder: Path) -> dict[str, pd.DataFrame]:
    """Return the epochs of every model that has a history, all its seeds together, with a column `seed`."""
    return {
        model.name: pd.concat(
            [tables.read_csv(path).assign(seed=seed) for seed, path in model.files(folder, ".csv").items()],
            ignore_index=True,
        )
        for model in listing.models
        if model.has_history
    }


def head_name(backbone: str, head: str, title: str) -> tuple[str, str]:
    """Return name and title of the model of a head on a backbone's features."""
    return f"{backbone}_{head}", f"{backbone}: {title}"


def write(listing: Listing, path: str | Path) -> None:
    """Write a listing as JSON."""
    text = json.dumps(asdict(listing), indent=1, ensure_ascii=False)
    atomic.write_text(path, text + "\n")


def read(path: str | Path) -> Listing:
    """Read what `write` wrote."""
    content = tables.read_json(path)
    return Listing(**content | {"models": [ListedModel(**entry) for entry in content["models"]]})
