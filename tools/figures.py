"""Write a few figures of the report as small PNG files, for pages that run no script, such as README.

Usage: python tools/figures.py FOLDER OUTPUT

FOLDER is the repository or a study's workspace, .studies/<name>/, with the pipeline's outputs. Prints a line
of Markdown for each file, with the figure's caption. None of these figures shows a product's picture. The
same figure gives the same bytes.
"""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from aisle.pipeline.cli import run
from aisle.pipeline.errors import AisleError
from aisle.pretrained.status import UNTRAINED
from aisle.report import page
from aisle.report.blocks import Details, FigureBlock
from aisle.report.data.folder import read_folder
from aisle.report.data.results import Results

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

WIDTH = 900
"""Pixels; GitHub shows a page 1,012 wide at most."""


def wanted(results: Results) -> dict[str, str]:
    """Return the name of each file, without its suffix, and of the report's figure that it is to show."""
    names = {
        "accuracy": "accuracy",
        "risk_coverage": "risk-coverage",
        "confusion": f"confusion-{results.best}",
    }
    if not results.tables["tree"].empty:
        names["tree"] = "tree-depths"
    scores = {name: results.metrics[f"cluster/{name}"] for name in results.clusters}
    if any(each.get("ari") is not None for each in scores.values()):
        names["ari"] = "ari"
    clustered = [
        name for name, each in scores.items() if each.get("ari") is not None and each["weights"] != UNTRAINED
    ]
    if clustered:
        names["map"] = f"map-{max(clustered, key=lambda name: scores[name]['ari'])}"
    return names


def blocks(results: Results) -> dict[str, FigureBlock]:
    """Return every figure of the report, by its name."""
    parts = [block for section in page.build(results) for block in section.blocks]
    parts += [inner for block in parts if isinstance(block, Details) for inner in block.blocks]
    return {block.name: block for block in parts if isinstance(block, FigureBlock)}


def png(figure: "Figure") -> bytes:
    """Return a figure as PNG on white.

    Raises
    ------
    AisleError
        If it has a picture in it, which may be a vendor's.
    """
    if figure.layout.images:
        raise AisleError("a figure that is published must show no picture; leave it out of tools/figures.py")
    figure.update_layout(
        template="plotly_white",
        paper_bgcolor="white",
        plot_bgcolor="white",
        font={"family": "Lato", "color": "#222222"},  # Kaleido carries this font
    )
    return figure.to_image(format="png", width=WIDTH, height=figure.layout.height or 420, engine="kaleido")


def write(folder: Path, output: Path) -> None:
    """Write the figures of a folder's report and print their lines of Markdown."""
    results = read_folder(folder)
    found = blocks(results)
    output.mkdir(parents=True, exist_ok=True)
    for file, name in wanted(results).items():
        if name not in found:
            raise AisleError(f"the report must have a figure '{name}' for {file}.png, but has not")
        (output / f"{file}.png").write_bytes(png(found[name].figure))
        told = found[name].caption + " Random weights had a part in it." * found[name].untrained
        caption = re.sub(r"([\\\[\]*_<>`])", r"\\\1", told)
        print(f"![{caption}]({output.name}/{file}.png)\n\n{caption}\n")


def main() -> None:
    """Write the files, print their lines."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="repository or workspace")
    parser.add_argument("output", type=Path, metavar="OUTPUT", help="folder of the files")
    args = parser.parse_args()
    write(args.folder, args.output)


if __name__ == "__main__":
    run(main)
