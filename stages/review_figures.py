"""Keep in Git what a reviewer compares before and after: the figures of the floor, the champion and the best.

Inputs: metrics/champion.json; reports/evaluation/ (confusion.csv, risk_coverage.csv, decisions.csv).
Outputs, small and committed, so that tools/pr_report.py needs no data: metrics/review/confusion.csv, one row
per role, true and predicted category that occurs; metrics/review/risk_coverage.csv, one per role and point
of the curve; metrics/review/decisions.csv, one row per role: threshold, coverage, error. A role is floor,
champion or best; one model may have several.
"""

import json
from pathlib import Path

import pandas as pd

from aisle import cli, tables
from aisle.errors import AisleError
from aisle.metrics import EvaluationParams
from aisle.params import load_params

TABLES = ("confusion", "risk_coverage", "decisions")


def run(table: pd.DataFrame, roles: dict[str, str]) -> pd.DataFrame:
    """Return the rows of each role's model, `role` and `model` first; a model without rows is left out."""
    rows = [table[table["model"] == model].assign(role=role) for role, model in roles.items()]
    rest = [column for column in table.columns if column != "model"]
    return pd.concat(rows)[["role", "model", *rest]]


def main() -> None:
    """Read files, run, write files."""
    parser = cli.parser(
        __doc__,
        choice="which model is the champion, and which the best",
        evaluation="folder of the evaluation's tables",
        confusion="output: cells of the confusion matrices",
        risk_coverage="output: risk-coverage curves",
        decisions="output: thresholds",
    )
    args = parser.parse_args()
    floor = load_params(args.params, "evaluation", EvaluationParams).floor
    if not Path(args.choice).is_file():
        raise AisleError(f"{args.choice} must be there; it is not. `dvc repro` makes it.")
    choice = json.loads(Path(args.choice).read_text(encoding="utf-8"))
    roles = {"floor": floor, "champion": choice["champion"], "best": choice["best"]}
    for name in TABLES:
        table = tables.read_csv(Path(args.evaluation) / f"{name}.csv")
        tables.write_csv(run(table, roles), getattr(args, name), choice["catalogue"])


if __name__ == "__main__":
    cli.run(main)
