"""A text model of the tiny catalogue, and its package."""

from pathlib import Path

import pytest

from aisle.deployment import packaging


@pytest.fixture(scope="module")
def text_workspace(make_workspace):
    """Return a workspace with a text model; read it."""
    made = make_workspace()
    made.run_items("list_models").run_data()
    made.run("classify", "text_baseline")
    return made


@pytest.fixture(scope="module")
def text_package(text_workspace, tmp_path_factory) -> Path:
    """Return the package of the text model."""
    folder = tmp_path_factory.mktemp("package") / "text"
    text, images = (text_workspace.params[section] for section in ("text", "images"))
    decision = {"temperature": 0.8, "threshold": 0.5, "target_error": 0.01, "confidence": 0.95}
    models = text_workspace.root / "models"
    packaging.assemble(
        "text_baseline",
        models,
        models / "pretrained",
        folder,
        "tiny",
        text,
        images,
        decision | {"guaranteed_bound": 0.009},
    )
    return folder
