"""Combine a text model's and a picture model's predictions.

Inputs: two predictions files.
Output: predictions/<fusion>.parquet, same rows: the weighted mean of the log-probabilities. A product without
a picture (or without text) is predicted from what is there.
"""

import pandas as pd
from pydantic import Field

from aisle import cli, fusion, predictions, tables
from aisle.params import Section, load_params
from aisle.weights import NONE, combined


class FusionParams(Section):
    """Section `fusions.<name>`."""

    title: str
    text: str
    picture: str
    picture_weight: float = Field(ge=0, le=1)


def run(text: pd.DataFrame, picture: pd.DataFrame, params: FusionParams) -> pd.DataFrame:
    """Return the fused predictions, with the rows of `text`."""
    picture = predictions.align(picture, text, f"predictions of {params.picture}", f"those of {params.text}")
    return fusion.fuse(text, picture, params.picture_weight)


def main() -> None:
    """Read files, run, write files."""
    parser = cli.parser(
        __doc__,
        text="predictions from text",
        picture="predictions from pictures",
        output="output: predictions",
    )
    parser.add_argument("--fusion", required=True, help="entry of params.yaml: fusions")
    args = parser.parse_args()
    params = load_params(args.params, f"fusions.{args.fusion}", FusionParams)
    text = tables.read(args.text)
    picture = tables.read(args.picture)
    label = combined([table.attrs.get("weights", NONE) for table in (text, picture)])
    tables.write(run(text, picture, params), args.output, text.attrs["catalogue"], weights=label)


if __name__ == "__main__":
    cli.run(main)
