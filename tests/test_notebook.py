"""The study's notebook: committed without outputs, shows every section, runs on the pipeline's outputs."""

import ast
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from aisle.report import page
from aisle.report.blocks import Section
from aisle.report.notebook import show

REPO = Path(__file__).parents[1]
NOTEBOOK = REPO / "notebooks" / "study.ipynb"


@pytest.fixture
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_it_is_committed_without_outputs(notebook):
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)


def test_it_shows_every_section_of_the_page(notebook):
    """A new section of the report is a line in the notebook too."""
    called = {
        ast.unparse(node.func)
        for cell in notebook.cells
        if cell.cell_type == "code"
        for node in ast.walk(ast.parse(cell.source))
        if isinstance(node, ast.Call)
    }
    wanted = {f"{make.__module__.rpartition('.')[2]}.section" for make in page.SECTIONS}
    assert wanted <= called, f"add to notebooks/study.ipynb: {', '.join(sorted(wanted - called))}"


def test_it_runs(notebook):
    if not (REPO / "reports/index.html").exists():
        pytest.skip("the pipeline's outputs are not here: run `make repro`")
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(NOTEBOOK.parent)}}).execute()
    outputs = "".join(
        output["data"].get("text/html", "")
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "data" in output
    )
    from aisle.report import notebook as helper

    results = helper.read(REPO)
    blocks = [block for section in page.build(results) for block in section.blocks]
    figures = {block.name for block in blocks if hasattr(block, "figure")}
    missing = [name for name in sorted(figures) if f'id="figure-{name}"' not in outputs]
    assert figures and not missing, missing
    assert results.title(results.best) in outputs


def test_an_unknown_figure_is_an_error():
    with pytest.raises(ValueError, match="figure must be one of"):
        show(Section("models", "Models", []), "accuracy")
