"""Find or download the files of a pretrained model, and believe none without its digest."""

import os
import time
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import requests

from aisle.pipeline import atomic
from aisle.pipeline.errors import AisleError, some
from aisle.pretrained import safe_download
from aisle.pretrained.description import digest
from aisle.pretrained.sources import WeightsFile, WeightsParams

TRIES = 3
WAYS_OUT = (
    "Three ways to supply weights: `make weights` where the official address can be reached; source: path, "
    "with path: naming a file or folder that somebody else downloaded; source: package, naming an installed "
    "package that carries the files. To try the pipeline without: source: random (untrained), or absent."
)


def store() -> Path:
    """Return the folder of downloaded files, `.cache/weights` unless AISLE_WEIGHTS names another."""
    return Path(os.environ.get("AISLE_WEIGHTS") or ".cache/weights")


def find(name: str, params: WeightsParams) -> dict[str, Path]:
    """Return the verified files of a model, downloading what is not in the store.

    Parameters
    ----------
    name
        Entry of params.yaml: weights.
    params
        That entry; with `source: random`, only files that are not learned are looked for.

    Raises
    ------
    AisleError
        If a file is missing, has another digest than params.yaml says, is not to be had, or params.yaml does
        not say a digest. It names the file and the ways out.
    """
    files = {}
    for file_name, file in params.files.items():
        if params.source == "random" and file.learned:
            continue
        path = _locate(name, file_name, file, params)
        if file.sha256 is None:
            how = "`make weights` records it, of a file whose md5 is known or with ACCEPT=1"
            if params.source != "official":
                how = f"this file's is {digest(path)}; if you trust it, write that there"
            raise AisleError(
                f"weights.{name}.files.{file_name}.sha256 must be in params.yaml; it is null. {how}"
            )
        verify(path, file, f"{name}: {path}")
        files[file_name] = path
    return files


def _locate(name: str, file_name: str, file: WeightsFile, params: WeightsParams) -> Path:
    if file.package and params.package and not file.learned:
        return _packaged(name, file_name, file, params)
    if params.source == "path":
        if not params.path:
            raise AisleError(f"weights.{name}.path must name a file or folder with source: path; it is null")
        given = Path(params.path)
        path = given / file_name if given.is_dir() else given
        several = [name for name, listed in params.files.items() if listed.learned or not listed.package]
        if path == given and len(several) > 1:
            raise AisleError(f"weights.{name}.path must be a folder that has {some(several)}, not one file")
        if not path.is_file():
            raise AisleError(f"{name}: {path} must be a file; there is none. {WAYS_OUT}")
        return path
    if params.source == "package":
        return _packaged(name, file_name, file, params)
    if file.sha256 is None:
        raise AisleError(
            f"weights.{name}.files.{file_name}.sha256 must be in params.yaml; it is null. `make weights` "
            "downloads the file and records it."
        )
    return download(name, file_name, file)


def _packaged(name: str, file_name: str, file: WeightsFile, params: WeightsParams) -> Path:
    if not params.package or not file.package:
        raise AisleError(
            f"weights.{name} must name the package that carries {file_name} with source: package"
        )
    wanted = f"{params.package.name}=={params.package.version}"
    try:
        carrier = distribution(params.package.name)
    except PackageNotFoundError:
        raise AisleError(f"{name}: {wanted} must be installed; it is not. {WAYS_OUT}") from None
    if carrier.version != params.package.version:
        raise AisleError(f"{name}: {wanted} must be installed, not version {carrier.version}")
    path = Path(str(carrier.locate_file(file.package)))
    if not path.is_file():
        raise AisleError(f"{name}: {wanted} must carry {file.package}; it does not. {WAYS_OUT}")
    return path


def verify(path: Path, file: WeightsFile, what: str) -> None:
    """Compare a file with the digests that params.yaml states.

    Raises
    ------
    AisleError
        If one differs.
    """
    for algorithm, wanted in (("sha256", file.sha256), ("md5", file.md5)):
        if wanted and (found := digest(path, algorithm)) != wanted:
            raise AisleError(
                f"{what} must have {algorithm} {wanted}, not {found} ({path.stat().st_size:,} bytes): it is "
                f"damaged, cut short or another file. Delete it or correct params.yaml. {WAYS_OUT}"
            )


def download(name: str, file_name: str, file: WeightsFile) -> Path:
    """Return a file of the store, downloaded from its official address unless it is there.

    A broken download goes on where it stopped, if a digest can tell that its parts fit. The file gets its
    name only when it is whole and its digests are right; what turns out wrong is deleted. Of several
    processes one downloads, the others wait for it.

    Raises
    ------
    AisleError
        If the address cannot be reached, or gives another file.
    """
    target = store() / name / file_name
    if target.is_file():
        return target
    if not file.url:
        raise AisleError(
            f"weights.{name}.files.{file_name}.url must be in params.yaml; it is null. {WAYS_OUT}"
        )
    with atomic.alone(_lock(target)):
        return target if target.is_file() else _download(name, file_name, file, target)


def _lock(target: Path) -> Path:
    """Return the file whose lock lets one process at a time make a file of the store."""
    return store() / f".{sha256(os.fsencode(target.absolute())).hexdigest()[:16]}.lock"


def _download(name: str, file_name: str, file: WeightsFile, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    known = bool(file.sha256 or file.md5)
    if file.sha256 and part.is_file() and digest(part) == file.sha256:  # stopped before it got its name
        return part.replace(target)
    if not known:
        part.unlink(missing_ok=True)
    address = f"{name}: {file.url}"
    for left in range(TRIES - 1, -1, -1):
        try:
            safe_download.get(str(file.url), part, f"{name}/{file_name}", file.megabytes)
            break
        except safe_download.RefusedError as error:
            part.unlink(missing_ok=True)
            _remove_empty(target.parent)
            raise AisleError(f"{address} must give {file_name}; it does not: {error}. {WAYS_OUT}") from None
        except (requests.RequestException, OSError) as error:
            if not known:
                part.unlink(missing_ok=True)
            if not left or isinstance(error, requests.HTTPError):
                part.unlink(missing_ok=True)
                _remove_empty(target.parent)
                raise AisleError(
                    f"{address} must give {file_name}; it does not: {_reason(error)}. {WAYS_OUT}"
                ) from None
            time.sleep(1)
    try:
        verify(part, file, f"{name}: {file_name} from {file.url}")
    except AisleError:
        part.unlink()
        _remove_empty(target.parent)
        raise
    return part.replace(target)


def _reason(error: Exception) -> str:
    """Return the innermost reason, which requests puts last."""
    return " ".join(str(error).split()).rpartition("Caused by ")[2][:200]


def _remove_empty(folder: Path) -> None:
    if not any(folder.iterdir()):
        folder.rmdir()
