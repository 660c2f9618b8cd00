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
from typing import Any

from aisle.deployment import manifest, packaging
from aisle.pipeline.errors import AisleError
from aisle.service.answering import ServedModel
from aisle.service.logs import logger
from aisle.service.metrics import Metrics

Signature = tuple[Any, ...]


def open_copy(folder: Path, place: Path) -> ServedModel:
    """Return a copy of a package, opened and tried.

    Parameters
    ----------
    folder
        The package.
    place
        Folder of copies.

    Raises
    ------
    AisleError
        If it is no package, or not whole, or cannot predict.
    """
    copy = Path(tempfile.mkdtemp(prefix="package-", dir=place))
    try:
        packaging.read(folder)
        shutil.copytree(folder, copy, dirs_exist_ok=True)
        model = ServedModel(copy)
        _try(model, folder)
    except Exception as error:
        shutil.rmtree(copy, ignore_errors=True)
        if isinstance(error, AisleError):
            raise AisleError(str(error).replace(str(copy), str(folder))) from None
        raise AisleError(
            f"{folder} must be a package that predicts; it does not ({type(error).__name__}). {manifest.ANEW}"
        ) from error
    weakref.finalize(model, shutil.rmtree, copy, ignore_errors=True)
    return model


def _try(model: ServedModel, folder: Path) -> None:
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
                f"{folder} must give probabilities between 0 and 1; it gives others. {manifest.ANEW}"
            )


def signature(folder: Path) -> Signature:
    """Return what changes whenever a file of a package does: sizes and times, and the manifest's digest."""
    facts = {place: path.stat() for place, path in manifest.files(folder).items()}
    return manifest.identity(folder), *(
        (place, each.st_size, each.st_mtime_ns) for place, each in facts.items()
    )


class Serving:
    """The package that is served and the one before it.

    Parameters
    ----------
    name, packages
        As of `packaging.find`.
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
        self._packages = packages
        self._metrics = metrics
        self._copies = tempfile.TemporaryDirectory(prefix="aisle-service-")
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.previous: ServedModel | None = None
        self.refused: dict[str, str] | None = None
        self._left: str | None = None
        """Digest of the package that was rolled back from: written again, it is no other one."""
        folder = packaging.find(name, packages)
        self._seen: Signature = signature(folder)
        self.current = open_copy(folder, Path(self._copies.name))
        self._tell(self.current, 1)

    def reload(self) -> str:
        """Look at the package's folder and serve what it holds.

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
                folder = packaging.find(self.name, self._packages)
                self._seen = signature(folder)
                if self._seen[0] == self.current.digest:
                    return "unchanged"
                found = open_copy(folder, Path(self._copies.name))
            except (AisleError, OSError) as error:
                self._refuse(error)
                raise AisleError(str(error)) from error
            self._left = None
            self._swap(found, "swapped")
            return "swapped"

    def rollback(self) -> str:
        """Serve the package before this one again, until another is put into the folder.

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
        """Look at the folder every so many seconds, and serve what was put there."""
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
                found = signature(packaging.find(self.name, self._packages))
                if found == self._seen or found[0] == self._left:
                    continue
            except (AisleError, OSError):
                continue  # it is being replaced, or was taken away: what is served is served on
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
