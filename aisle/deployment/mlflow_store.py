"""Log models to MLflow: one run per model, a nested run per seed, and the registered champion and challenger.

Each run carries a digest of what it holds as the tag KEY. A run whose digest is there already is not logged
again, so that the stage may be repeated: only the aliases move. Pretrained models are large and shared by
many runs: each is logged once, in a run of its own, and the others refer to it
(aisle/deployment/mlflow_model.py).
"""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from aisle.deployment import logged_models, manifest, packaging
from aisle.deployment.packaging import RAW
from aisle.models import model_folder
from aisle.pipeline.errors import AisleError
from aisle.pretrained import description, status

KEY = "aisle.key"
"""Tag: digest of a run's content."""
DEFAULT_URI = "sqlite:///mlflow.db"
LONGEST = 500
"""Characters of a logged param; an older server takes no more."""


@dataclass(frozen=True)
class Record:
    """What one run is to hold.

    Attributes
    ----------
    name
        Of the model.
    seed
        Of a nested run; None for the model's own.
    params, metrics, tags
        By name.
    curves
        Metric that has many values to its (step, value) pairs.
    tables
        What the figure is drawn of (`figure`): confusion, reliability, risk_coverage.
    """

    name: str
    seed: int | None
    params: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]
    curves: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)


def flat(value: Any, prefix: str = "") -> dict[str, str]:
    """Return nested params as dotted names to texts."""
    if isinstance(value, dict):
        found: dict[str, str] = {}
        for key, item in value.items():
            found |= flat(item, f"{prefix}{key}.")
        return found
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return {prefix.removesuffix("."): text[:LONGEST]}


def model_params(name: str, models: Path) -> dict[str, str]:
    """Return the params that a model depends on, as its folder names them; none of one without a folder.

    Its entry of params.yaml, under the section's name; how its input is made (recipe); of a fusion, the
    same of its members, under their names.
    """
    if not packaging.exists(name, models):
        return {}
    model = model_folder.read(packaging.folder(name, models)[0], fitted=False)
    found = flat(model.params)
    found |= flat({"recipe": model.recipe.model_dump()}) if model.recipe else {}
    for member in model.members:
        inner = model_params(member, models)
        found |= {f"{member}.{key}": value for key, value in inner.items()}
    return found


def digest(folder: Path) -> str:
    """Return a digest of a folder's files, contents and places."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{path.relative_to(folder).as_posix()} {description.digest(path)}" for path in files]
    return sha256("\n".join(lines).encode()).hexdigest()


def revision() -> dict[str, str]:
    """Return tags for the Git revision and whether the working tree differs from it; none outside of Git."""

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
        except OSError:  # no Git at all
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    head = git("rev-parse", "HEAD")
    if head is None:
        return {}
    status = git("status", "--porcelain", "--untracked-files=no")
    return {"git.revision": head, "git.dirty": "true" if status else "false"}


def environment_tags() -> dict[str, str]:
    """Return tags for Git and for DVC's experiment, where there is one."""
    name = os.environ.get("DVC_EXP_NAME")
    return revision() | ({"dvc.experiment": name} if name else {})


def figure(tables: dict[str, pd.DataFrame], title: str) -> Any:
    """Draw confusion matrix, reliability and risk-coverage side by side.

    Parameters
    ----------
    tables
        One model's rows of the tables of reports/evaluation/, by name.
    title
        Above them.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib import rc_context

    with rc_context({"text.parse_math": False}):  # a category's name may have a $
        return _drawn(tables, title)


def _drawn(tables: dict[str, pd.DataFrame], title: str) -> Any:
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(15, 5), dpi=70)
    drawn.subplots_adjust(left=0.13, right=0.98, bottom=0.28, top=0.88, wspace=0.25)
    confusion, reliability, risk = drawn.subplots(1, 3)
    drawn.suptitle(title)
    table = tables["confusion"].pivot_table(index="actual", columns="predicted", values="products")
    names = sorted({*table.index, *table.columns})
    table = table.reindex(index=names, columns=names).fillna(0)
    confusion.imshow(table, cmap="Blues")
    confusion.set_xticks(range(len(names)), names, rotation=90)
    confusion.set_yticks(range(len(names)), names)
    confusion.set(title="Products, true by predicted category")
    for i, row in enumerate(table.to_numpy()):
        for j, value in enumerate(row):
            if value:
                shade = "white" if value > table.to_numpy().max() / 2 else "black"
                confusion.text(j, i, f"{value:.0f}", ha="center", va="center", color=shade)
    reliability.plot([0, 1], [0, 1], color="grey", linewidth=1)
    for state, rows in tables["reliability"].groupby("probabilities"):
        reliability.plot(rows["confidence"], rows["accuracy"], marker="o", label=str(state))
    reliability.set(title="Reliability", xlabel="confidence", ylabel="accuracy")
    reliability.legend()
    risk.plot(tables["risk_coverage"]["coverage"], tables["risk_coverage"]["error"])
    risk.set(title="Risk and coverage", xlabel="share decided automatically", ylabel="error among them")
    return drawn


class _Pyfunc:
    """MLflow's pyfunc flavour, whose `log_model` has no way to leave out the trial of the input example."""

    @staticmethod
    def save_model(path: str, validate_serving_input: bool, **options: Any) -> None:
        """Save a model."""
        import mlflow

        mlflow.pyfunc.save_model(path, **options)


class Tracker:
    """An MLflow store, an experiment in it, and the registered model.

    Parameters
    ----------
    experiment
        Name, also of the registered model.
    uri
        Tracking URI; the environment's MLFLOW_TRACKING_URI, or a SQLite file here, if None.
    """

    def __init__(self, experiment: str, uri: str | None = None) -> None:
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
        os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
        os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
        import mlflow

        self.uri = uri or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI
        mlflow.set_tracking_uri(self.uri)
        mlflow.set_registry_uri(self.uri)
        self._mlflow, self._client, self.name = mlflow, mlflow.MlflowClient(), experiment
        found = self._client.get_experiment_by_name(experiment)
        if found is not None and found.lifecycle_stage == "deleted":
            raise AisleError(f"the experiment {experiment!r} of {self.uri} must not be deleted; restore it")
        place = self._artifacts()
        if found is not None and place is not None and found.artifact_location != place:
            raise AisleError(
                f"the experiment {experiment!r} of {self.uri} must keep its files in {place}; it keeps them "
                f"in {found.artifact_location}: the folder was moved or copied, and MLflow would go on "
                "writing to the old place. Put it back, or move mlflow.db and mlruns/ away: "
                "all is logged anew."
            )
        self._experiment = found.experiment_id if found else self._client.create_experiment(experiment, place)
        mlflow.set_experiment(experiment_id=self._experiment)
        self._runs = self._logged()
        self._addresses: dict[str, str] = {}
        self.new = 0
        """Runs logged so far that were not there."""

    def _artifacts(self) -> str | None:
        """Return where a new experiment's files go: beside a SQLite file; None leaves it to the server."""
        if not self.uri.startswith("sqlite:///"):
            return None
        return (Path(self.uri.removeprefix("sqlite:///")).resolve().parent / "mlruns").as_uri()

    def _logged(self) -> dict[str, Any]:
        """Return the finished runs by key."""
        runs, token = dict[str, Any](), None
        while True:
            page = self._client.search_runs(
                [self._experiment], "attributes.status = 'FINISHED'", max_results=1000, page_token=token
            )
            runs |= {run.data.tags[KEY]: run for run in page if KEY in run.data.tags}
            token = page.token
            if not token:
                return runs

    def pretrained(self, name: str, folder: Path) -> None:
        """Log a pretrained model once, by its digest, and know its address from then on.

        An untrained one has none: random weights are large, tell nothing and are made again from their seed.
        """
        about = description.read(folder)
        self._addresses[name] = ""
        if about.label == status.UNTRAINED:
            return
        key = sha256(f"pretrained {name} {about.label} {about.model}".encode()).hexdigest()
        if key not in self._runs:
            tags = {KEY: key, "aisle.kind": "pretrained", "weights": about.label}
            with self._mlflow.start_run(run_name=f"pretrained {name}", tags=tags) as run:
                facts = {"source": about.source, "revision": about.revision, "licence": about.licence}
                self._mlflow.log_params(facts | {"model": about.model})
                self._mlflow.log_artifacts(str(folder), name)
            self._add(key, run)
        self._addresses[name] = f"runs:/{self._runs[key].info.run_id}/{name}"

    def _add(self, key: str, run: Any) -> None:
        self._runs[key] = run
        self.new += 1

    def log(
        self, record: Record, source: packaging.Source, example: pd.DataFrame, parent: str = ""
    ) -> tuple[str, str]:
        """Log a record unless a run holds the same; return the run's id and key.

        Parameters
        ----------
        record
            What the run is to hold.
        source
            Where the model is.
        example
            Rows of raw products, the model's input example.
        parent
            Key of the run that this one is nested in.
        """
        with TemporaryDirectory() as folder:
            package, place = None, Path(folder) / record.name
            if packaging.exists(record.name, source.models) and record.tags["weights"] != status.ABSENT:
                package = source.assemble(record.name, place, record.seed, weightless=True)
            parts = [parent, record.name, record.seed, record.params, record.metrics, record.curves]
            parts += [{name: table.to_csv(index=False) for name, table in record.tables.items()}]
            parts += [digest(place) if package else None]
            key = sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
            if key in self._runs:
                return self._runs[key].info.run_id, key
            name = record.name if record.seed is None else f"{record.name} seed {record.seed}"
            tags = {KEY: key, "aisle.kind": "model"} | record.tags
            above = self._runs[parent].info.run_id if parent else None
            with self._mlflow.start_run(run_name=name, tags=tags, parent_run_id=above) as run:
                if package:  # before the metrics: MLflow looks up the history of each that is there
                    where = {one: self._addresses[one] for one in package.pretrained}
                    if where:
                        text = json.dumps(where, indent=2)
                        (place / logged_models.WHERE).write_text(text + "\n", encoding="utf-8")
                        manifest.write(place)
                    self._model(place, package, example)
                self._batches(run.info.run_id, record)
                if record.tables:
                    title = f"{record.name}, {record.tags['catalogue']}"
                    self._mlflow.log_figure(figure(record.tables, title), "plots.png")
            self._add(key, run)
        return run.info.run_id, key

    def _model(
        self, place: Path, package: packaging.Package, example: pd.DataFrame, code: list[str] | None = None
    ) -> Any:
        reads = [name for name in RAW if ("image" if name == "image" else "text") in package.modalities]
        return self._mlflow.models.Model.log(
            artifact_path=None,  # of older versions; must be named
            name="model",
            flavor=_Pyfunc,
            validate_serving_input=code is not None,  # loads and runs it: seconds, for those to be used
            loader_module=logged_models.LOADER,
            data_path=str(place),
            code_paths=code,
            pip_requirements=logged_models.requirements(place / packaging.MODELS),
            signature=logged_models.signature(package),
            input_example=example[reads],
        )

    def _batches(self, run_id: str, record: Record) -> None:
        from mlflow.entities import Metric, Param

        now = int(time.time() * 1000)
        metrics = [Metric(name, value, now, 0) for name, value in record.metrics.items()]
        for name, points in record.curves.items():
            metrics += [Metric(name, value, now, step) for step, value in points]
        params = [Param(name, value) for name, value in record.params.items()]
        for start in range(0, len(metrics), 1000):  # the most that a server takes at once
            self._client.log_batch(run_id, metrics=metrics[start : start + 1000])
        for start in range(0, len(params), 100):
            self._client.log_batch(run_id, params=params[start : start + 100])

    def register(
        self, run_id: str, key: str, folder: Path, example: pd.DataFrame, aliases: Iterable[str]
    ) -> None:
        """Register a run's model, as a whole package with aisle's code, unless it is; move the aliases to it.

        Parameters
        ----------
        run_id, key
            Of `log`.
        folder
            The package.
        example
            Rows of raw products.
        aliases
            Of the registered model.
        """
        content = sha256(f"{key} {digest(folder)}".encode()).hexdigest()
        versions = self._versions()
        if content not in versions:
            code = [str(Path(packaging.__file__).parents[1])]
            with self._mlflow.start_run(run_id=run_id):
                info = self._model(folder, packaging.read(folder), example, code)
            version = self._client.create_model_version(
                self.name, info.model_uri, run_id, tags={KEY: content}, model_id=info.model_id
            )
            versions[content] = version
        for alias in aliases:
            self._client.set_registered_model_alias(self.name, alias, versions[content].version)

    def _versions(self) -> dict[str, Any]:
        if not self._client.search_registered_models(f"name = '{self.name}'"):
            self._client.create_registered_model(self.name)
        found = self._client.search_model_versions(f"name = '{self.name}'", max_results=1000)
        return {version.tags[KEY]: version for version in found if KEY in version.tags}

    def unalias(self, alias: str) -> None:
        """Take an alias away, if it is there."""
        if alias in self._client.get_registered_model(self.name).aliases:
            self._client.delete_registered_model_alias(self.name, alias)


def roles(choice: dict[str, Any], packages: Path) -> dict[str, tuple[str, Path]]:
    """Return each role that a model has (metrics/champion.json), to the model and its package."""
    return {role: (choice[role], packages / role) for role in ("champion", "challenger") if choice[role]}


def log_all(
    tracker: Tracker,
    records: dict[str, list[Record]],
    source: packaging.Source,
    roles: dict[str, tuple[str, Path]],
    example: pd.DataFrame,
    progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
) -> None:
    """Log every model, its seeds nested in it; register those that have a role.

    Parameters
    ----------
    tracker
        The store.
    records
        Model to its own record, and one per seed.
    source
        Where the models are.
    roles
        Alias (champion, challenger) to model and package.
    example
        Rows of raw products.
    progress
        Wraps the models, to show progress.
    """
    kin = [packaging.family(name, source.models) for name in records if packaging.exists(name, source.models)]
    for name in sorted({one for models in kin for one in packaging.pretrained_names(models)}):
        if description.read(source.pretrained / name).available:
            tracker.pretrained(name, source.pretrained / name)
    ids = {}
    for name, each in progress(records.items()):
        ids[name] = tracker.log(each[0], source, example)
        for record in each[1:]:
            tracker.log(record, source, example, parent=ids[name][1])
    for alias, (name, folder) in roles.items():
        tracker.register(*ids[name], folder, example, [alias])
    for alias in {"champion", "challenger"} - roles.keys():
        tracker.unalias(alias)
