"""Combine the predictions of three models.

Inputs: three predictions files.
Outputs: predictions/<fusion>.parquet, same rows: what is learned (weights, stacking) is learned in the inner
folds, and a product without a picture (or without text) is predicted from what is there; models/<fusion>/:
the combination fitted on all out-of-fold predictions, to be used with its three models.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import pandas as pd
from pydantic import Field

from aisle import cli, fusion, predictions, saved_models, tables
from aisle.params import Section, load_params
from aisle.weights import ABSENT, NONE, combined


class FusionParams(Section):
    """Section `fusions.<name>`."""

    title: str
    method: fusion.Method
    models: Annotated[list[str], Field(min_length=3, max_length=3)]
    options: dict[str, Any] = Field(default_factory=dict)


def run(members: Sequence[pd.DataFrame], params: FusionParams) -> tuple[pd.DataFrame, fusion.Combination]:
    """Return the fused predictions, with the rows of the first member, and the combination fitted on all."""
    first = members[0]
    aligned = [first] + [
        predictions.align(each, first, f"predictions of {name}", f"those of {params.models[0]}")
        for each, name in zip(members[1:], params.models[1:], strict=True)
    ]
    table = fusion.fuse(aligned, params.method, params.options)
    cv = [predictions.test_rows(each[each["protocol"] == "cv"]) for each in aligned]
    return table, fusion.create(params.method, params.options).fit(*fusion.stacked(cv))


def main() -> None:
    """Read files, run, write files."""
    parser = cli.parser(
        __doc__,
        first="predictions of the first model",
        second="of the second",
        third="of the third",
        output="output: predictions",
        model="output: model folder",
    )
    parser.add_argument("--fusion", required=True, help="entry of params.yaml: fusions")
    args = parser.parse_args()
    params = load_params(args.params, f"fusions.{args.fusion}", FusionParams)
    members = [tables.read(path) for path in (args.first, args.second, args.third)]
    label = combined([table.attrs.get("weights", NONE) for table in members])
    table, combination = run(members, params)
    kinds = {kind for table in members for kind in table.attrs["modalities"].split("+")}
    attrs = {"weights": label, "modalities": "+".join(sorted(kinds)), "title": params.title}
    tables.write(table, args.output, members[0].attrs["catalogue"], **attrs)
    names = predictions.categories(table)
    prior = table.drop_duplicates(tables.KEY)["category"].value_counts(normalize=True)
    model = saved_models.SavedModel(
        args.fusion,
        params.title,
        names,
        [float(prior[name]) for name in names],
        label,
        members=params.models,
        estimator=None if label == ABSENT else combination,
    )
    saved_models.write(model, args.model)


if __name__ == "__main__":
    cli.run(main)
