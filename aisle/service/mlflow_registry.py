"""A package that an alias of MLflow's registry names, `models:/NAME@ALIAS`, over the server's REST interface.

The service has no MLflow: three addresses are asked, by what Python brings along, and of a registered model
the package alone is fetched, the files of its manifest. MLFLOW_TRACKING_URI says where the server is;
MLFLOW_TRACKING_TOKEN, or _USERNAME and _PASSWORD, who asks.
"""

import base64
import json
import os
import re
import shutil
from collections.abc import Mapping
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

import yaml

from aisle.deployment import manifest
from aisle.pipeline.errors import AisleError

SCHEME = "models:/"
_ALIAS = re.compile(r"models:/(?P<name>[^/@]+)@(?P<alias>[^/@]+)")
_ARTIFACTS = re.compile(r"mlflow-artifacts:(//[^/]+)?/+(?P<path>.+)")
SECONDS = 30
"""That an answer of the server may take."""


class Alias:
    """A registered model's version that an alias points to, as a place of a package (serving.py).

    Parameters
    ----------
    text
        `models:/NAME@ALIAS`.
    environment
        Variables, as of `os.environ`.

    Raises
    ------
    AisleError
        If it is none, or no server is named.
    """

    def __init__(self, text: str, environment: Mapping[str, str] = os.environ) -> None:
        if (match := _ALIAS.fullmatch(text)) is None:
            raise AisleError(f"a model of a registry must be models:/NAME@ALIAS, not {text}")
        self._asked, self._text = match.groupdict(), text
        self._server = environment.get("MLFLOW_TRACKING_URI", "").rstrip("/")
        if not self._server.startswith(("http://", "https://")):
            raise AisleError(
                f"MLFLOW_TRACKING_URI must be the http address of the MLflow server that has {text}; it is "
                f"{self._server or 'not set'}"
            )
        self._head = _authorization(environment)
        self._version: tuple[str, str] | None = None
        self._package = ""
        self._manifest = b""

    def __str__(self) -> str:
        """Return the alias, for messages."""
        return self._text

    def signature(self) -> tuple[Any, ...]:
        """Return the package's digest, then the version: what changes when the alias is moved.

        Of a version that was looked at only the alias is asked for again.

        Raises
        ------
        AisleError
            If the server does not answer, or has no package there.
        """
        self._look()
        return sha256(self._manifest).hexdigest(), self._version

    def copy(self, target: Path) -> None:
        """Fetch the package's files into a folder; raises as `signature`."""
        self._look()
        try:
            places = [*json.loads(self._manifest)["files"]]
        except (ValueError, KeyError, TypeError):
            raise AisleError(f"{self} must have a package with {manifest.FILE}; it is none") from None
        (target / manifest.FILE).write_bytes(self._manifest)
        for place in places:
            if PurePosixPath(place).is_absolute() or ".." in PurePosixPath(place).parts:
                raise AisleError(f"{self} must have files below its folder; {place!r} is not")
            path = target / place
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._open(self._artifact(f"{self._package}/{place}")) as answer, path.open("wb") as file:
                shutil.copyfileobj(answer, file)

    def _look(self) -> None:
        """Ask which version the alias points to and, of another one, where its package and manifest are."""
        found = self._json("registered-models/alias", **self._asked)["model_version"]
        version = str(found["version"]), str(found.get("creation_timestamp"))
        if version == self._version:
            return
        address = self._json("model-versions/get-download-uri", name=self._asked["name"], version=version[0])
        if (match := _ARTIFACTS.fullmatch(address["artifact_uri"])) is None:
            raise AisleError(
                f"the server of {self} must serve its files (`mlflow server --serve-artifacts`, the "
                f"default); they are at {address['artifact_uri']}"
            )
        try:
            flavours = yaml.safe_load(self._read(self._artifact(f"{match['path']}/MLmodel")))["flavors"]
            package = f"{match['path']}/{flavours['python_function']['data']}"
        except (yaml.YAMLError, KeyError, TypeError):
            raise AisleError(
                f"{self} must be a model that aisle logged, with its package; it is none"
            ) from None
        self._manifest = self._read(self._artifact(f"{package}/{manifest.FILE}"))
        self._package, self._version = package, version

    def _artifact(self, path: str) -> str:
        return f"{self._server}/api/2.0/mlflow-artifacts/artifacts/{quote(path)}"

    def _json(self, what: str, **query: str) -> Any:
        try:
            return json.loads(self._read(f"{self._server}/api/2.0/mlflow/{what}?{urlencode(query)}"))
        except ValueError:
            raise AisleError(f"{self._server} must be an MLflow server; its answer is no JSON") from None

    def _read(self, address: str) -> bytes:
        with self._open(address) as answer:
            return bytes(answer.read())

    def _open(self, address: str) -> Any:
        try:
            return urlopen(Request(address, headers=self._head), timeout=SECONDS)
        except (OSError, HTTPException) as error:  # URLError is one; 404 where there is no such alias
            raise AisleError(f"{self} must be there at {self._server}; it is not ({error})") from None


def _authorization(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the header that says who asks, {} where nobody is named."""
    if token := environment.get("MLFLOW_TRACKING_TOKEN"):
        return {"Authorization": f"Bearer {token}"}
    if user := environment.get("MLFLOW_TRACKING_USERNAME"):
        pair = f"{user}:{environment.get('MLFLOW_TRACKING_PASSWORD', '')}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    return {}
