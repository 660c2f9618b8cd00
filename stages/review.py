"""Keep in Git, small, what a reviewer compares and what the model card says: of the floor, champion and best.

Inputs: metrics/champion.json; reports/evaluation/ (tables of `TABLES`); packages/champion/ (package.json, and
the model.json and weights.json of what is in it).
Outputs, so that tools/pr_report.py and tools/cards.py need no data: metrics/review/, for each of `TABLES` a
CSV with the rows of each role's model, and package.json. A role is floor, champion or best; a model may have
several.
"""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from aisle import cli, recipes, tables
from aisle.metrics import EvaluationParams
from aisle.params import load_params

TABLES = ("confusion", "risk_coverage", "decisions", "models", "per_class")


def run(table: pd.DataFrame, roles: dict[str, str]) -> pd.DataFrame:
    """Return the rows of each role's model, `role` and `model` first; a model without rows is left out."""
    rows = [table[table["model"] == model].assign(role=role) for role, model in roles.items()]
    rest = [column for column in table.columns if column != "model"]
    return pd.concat(rows)[["role", "model", *rest]]


def summary(package: Path) -> dict[str, Any]:
    """Return package.json with what its models read and under which licences its pretrained weights are."""
    read = tables.read_json(package / "package.json")
    models = {
        path.parent.name: tables.read_json(path) for path in sorted(package.glob("models/**/model.json"))
    }
    weights = {
        path.parent.name: tables.read_json(path) for path in sorted(package.glob("pretrained/*/weights.json"))
    }
    kept = ("label", "source", "revision", "licence")
    return read | {
        "reads": {name: reads(model) for name, model in models.items() if model.get("recipe")},
        "pretrained": {name: {key: each[key] for key in kept} for name, each in weights.items()},
    }


def reads(model: dict[str, Any]) -> dict[str, Any]:
    """Return the title of a model of the package, its modalities, and which texts it reads in which form."""
    recipe = recipes.loads(json.dumps(model["recipe"]))
    parts = [recipe] if isinstance(recipe, recipes.TextRecipe) else recipes.vectors(recipe)
    texts = {part.form: part.fields for part in parts if part.fields}
    return {"title": model["title"], "modalities": sorted(recipes.modalities(recipe)), "texts": texts}


def main() -> None:
    """Read files, run, write files."""
    parser = cli.parser(
        __doc__,
        choice="which model is the champion, and which the best",
        evaluation="folder of the evaluation's tables",
        champion="the champion's package",
        output="output: folder of committed tables",
    )
    args = parser.parse_args()
    floor = load_params(args.params, "evaluation", EvaluationParams).floor
    choice = tables.read_json(Path(args.choice))
    roles = {"floor": floor, "champion": choice["champion"], "best": choice["best"]}
    output = Path(args.output)
    for name in TABLES:
        table = tables.read_csv(Path(args.evaluation) / f"{name}.csv")
        tables.write_csv(run(table, roles), output / f"{name}.csv", choice["catalogue"])
    text = json.dumps(summary(Path(args.champion)), indent=2, ensure_ascii=False)
    (output / "package.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    cli.run(main)
