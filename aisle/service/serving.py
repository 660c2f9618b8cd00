"""Which package is served: loaded beside the one before, swapped in whole, or refused.

A package is copied before it is opened, because its folder may be written anew under it, and an encoder
reads its files when it is first used. The copy is whole or is refused: the predictor compares every file with
the manifest. Before it is served it answers a product with text and picture, so that what is broken is found
while the old one answers. The copy goes away with the last request that it answers.
"""

import shutil
import tempfile
import threading
import weakref
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

from aisle.deployment import manifest, packaging
from aisle.pipeline.errors import AisleError
from aisle.service.answering import ServedModel
from aisle.service.logs import logger
from aisle.service.metrics import Metrics

Signature = tuple[Any, ...]


class Source(Protocol):
    """Where a package comes from; `str` of it is how messages call it."""

    def signature(self) -> Signature:
        """Return what changes whenever the package may have: its digest, and more."""

    def copy(self, target: Path) -> None:
        """Put the package's files into an empty folder; raises AisleError if there is none."""


class Folder:
    """A package's folder, as of `packaging.find`.

    Parameters
    ----------
    name, packages
        As of `packaging.find`.
    """

    def __init__(self, name: str, packages: Path) -> None:
        self._name, self._packages = name, packages

    def __str__(self) -> str:
        """Return its path."""
        return str(packaging.find(self._name, self._packages))

    def signature(self) -> Signature:
        """Return the manifest's digest, and size and time of each file."""
        folder = packaging.find(self._name, self._packages)
        facts = {place: path.stat() for place, path in manifest.files(folder).items()}
        return manifest.identity(folder), *(
            (place, each.st_size, each.st_mtime_ns) for place, each in facts.items()
        )

    def copy(self, target: Path) -> None:
        """Copy its files."""
        folder = packaging.find(self._name, self._packages)
        packaging.read(folder)
        shutil.copytree(folder, target, dirs_exist_ok=True)


def source(name: str, packages: Path) -> Source:
    """Return where a package comes from: an alias of MLflow's registry, or a folder.

    Parameters
    ----------
    name
        `models:/NAME@ALIAS`, or as of `packaging.find`.
    packages
        Folder that names are looked up in.

    Raises
    ------
    AisleError
        If it is an alias, and not written as one, or nothing says where the registry is.
    """
    if not name.startswith("models:"):
        return Folder(name, packages)
    from aisle.service.mlflow_registry import Alias  # for who asks for one

    return Alias(name)


def open_copy(source: Source, place: Path) -> ServedModel:
    """Return a copy of a package, opened and tried.

    Parameters
    ----------
    source
        Of the package.
    place
        Folder of copies.

    Raises
    ------
    AisleError
        If it is no package, or not whole, or cannot predict.
    """
    copy = Path(tempfile.mkdtemp(prefix="package-", dir=place))
    try:
        source.copy(copy)
        model = ServedModel(copy)
        _try(model, source)
    except Exception as error:
        shutil.rmtree(copy, ignore_errors=True)
        if isinstance(error, AisleError):
            raise AisleError(str(error).replace(str(copy), str(source))) from None
        raise AisleError(
            f"{source} must be a package that predicts; it does not ({type(error).__name__}). {manifest.ANEW}"
        ) from error
    weakref.finalize(model, shutil.rmtree, copy, ignore_errors=True)
    return model


def _try(model: ServedModel, source: Source) -> None:
    """See that a package predicts; what it loads when it is first used is loaded now."""
    from PIL import Image

    picture = BytesIO()
    Image.linear_gradient("L").save(picture, "PNG")
    text = dict.fromkeys(packaging.RAW, "a product: of a kind")
    found = model.answers([text | {"image": picture.getvalue()}, {"title": "a product"}, {}])
    for each in found:
        values = each["probabilities"].values()
        if not all(isinstance(value, float) and 0 <= value <= 1 for value in values):
            raise AisleError(
                f"{source} must give probabilities between 0 and 1; it gives others. {manifest.ANEW}"
            )


class Serving:
    """The package that is served and the one before it.

    Parameters
    ----------
    name, packages
        As of `source`.
    metrics
        What is counted.
    role
        champion or challenger, for metrics and logs.

    Raises
    ------
    AisleError
        If there is no such package or it cannot be served.
    """

    def __init__(self, name: str, packages: Path, metrics: Metrics, role: str = "champion") -> None:
        self.name, self.role = name, role
        self._source = source(name, packages)
        self._metrics = metrics
        self._copies = tempfile.TemporaryDirectory(prefix="aisle-service-")
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.previous: ServedModel | None = None
        self.refused: dict[str, str] | None = None
        self._left: str | None = None
        """Digest of the package that was rolled back from: written again, it is no other one."""
        self._seen = self._source.signature()
        self.current = open_copy(self._source, Path(self._copies.name))
        self._tell(self.current, 1)

    def reload(self) -> str:
        """Look at the package's place and serve what it holds.

        Returns
        -------
        str
            `swapped`, or `unchanged` where it holds what is served.

        Raises
        ------
        AisleError
            If what it holds cannot be served: what was served is served on.
        """
        with self._lock:
            try:
                self._seen = self._source.signature()
                if self._seen[0] == self.current.digest:
                    return "unchanged"
                found = open_copy(self._source, Path(self._copies.name))
            except (AisleError, OSError) as error:
                self._refuse(error)
                raise AisleError(str(error)) from error
            self._left = None
            self._swap(found, "swapped")
            return "swapped"

    def rollback(self) -> str:
        """Serve the package before this one again, until another is put into its place.

        Raises
        ------
        AisleError
            If there is none.
        """
        with self._lock:
            if self.previous is None:
                raise AisleError("there must be a package that was served before this one; there is none")
            self._left = self.current.digest
            self._swap(self.previous, "rolled_back")
            return "rolled_back"

    def watch(self, seconds: float) -> None:
        """Look at the place every so many seconds, and serve what was put there."""
        self._thread = threading.Thread(target=self._watch, args=(seconds,), name="watcher", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._stop.set()
        if self._thread:
            self._thread.join()

    def _watch(self, seconds: float) -> None:
        while not self._stop.wait(seconds):
            try:
                found = self._source.signature()
                if found == self._seen or found[0] == self._left:
                    continue
            except (AisleError, OSError):
                continue  # it is being replaced, or cannot be asked for: what is served is served on
            try:
                self.reload()
            except AisleError:
                continue  # counted and told by `_refuse`; looked at again when it changes
            except Exception as error:
                logger().error("watch_failed", role=self.role, exc_info=error)

    def _swap(self, found: ServedModel, outcome: str) -> None:
        self.previous, self.current = self.current, found
        self._tell(self.previous, 0)
        self._tell(self.current, 1)
        self.refused = None
        self._metrics.loads.labels(outcome).inc()
        logger().info(
            "model", outcome=outcome, role=self.role, digest=found.digest, before=self.previous.digest
        )

    def _refuse(self, error: Exception) -> None:
        self.refused = {"digest": str(self._seen[0]), "why": str(error)}
        self._metrics.loads.labels("refused").inc()
        logger().error("model", outcome="refused", role=self.role, why=str(error), serves=self.current.digest)

    def _tell(self, model: ServedModel, value: int) -> None:
        self._metrics.model.labels(model.package.model, model.digest, self.role).set(value)
