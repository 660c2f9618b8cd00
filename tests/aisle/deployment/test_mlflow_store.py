"""deployment/mlflow_store.py: where MLflow keeps its files; the rest is tested with the stage that logs."""

import pytest

from aisle.deployment.mlflow_store import Tracker
from aisle.pipeline.errors import AisleError


def test_a_moved_folder_does_not_log_to_its_old_place(tmp_path, monkeypatch):
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    monkeypatch.chdir(tmp_path)
    Tracker("shop", f"sqlite:///{old}/mlflow.db")
    Tracker("shop", f"sqlite:///{old}/mlflow.db")
    old.rename(new)
    with pytest.raises(
        AisleError, match=r"must keep its files in file://.*/new/mlruns; it keeps them in .*/old"
    ):
        Tracker("shop", f"sqlite:///{new}/mlflow.db")
    assert not old.exists()
