"""What is kept in Git, small, of the baseline, the champion and the best model, so that no data is needed.

tools/pr_report.py compares it between revisions, tools/cards.py writes the model card from it.
"""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from aisle.catalogue.labelled import labelled
from aisle.evaluation.paired import paired_table
from aisle.pipeline import atomic, tables
from aisle.representations import recipes

TABLES = ("confusion", "risk_coverage", "decisions", "models", "per_class")


def of_roles(table: pd.DataFrame, roles: dict[str, str]) -> pd.DataFrame:
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


def write(
    output: str | Path,
    evaluation: Path,
    champion: str | Path,
    baseline: str,
    choice: dict[str, Any],
    folds: str | Path,
    catalogue: str,
) -> None:
    """Write metrics/review/: a CSV of each of `TABLES` with the rows of each role's model, and two more.

    `package.json` is what the champion's package is made of, `paired.csv` who is right on which product
    (aisle/evaluation/paired.py).

    Parameters
    ----------
    output
        Folder to write.
    evaluation
        Folder of the evaluation's tables.
    champion
        The champion's package.
    baseline
        Name of that model.
    choice
        metrics/champion.json: the champion and the best model. A model may have several roles.
    folds
        data/folds.parquet: near-duplicate groups.
    catalogue
        Label of the catalogue.
    """
    output = Path(output)
    roles = {"baseline": baseline, "champion": choice["champion"], "best": choice["best"]}
    for name in TABLES:
        table = tables.read_csv(evaluation / f"{name}.csv")
        table = tables.rounded_table(of_roles(table, roles))
        tables.write_csv(table, output / f"{name}.csv", catalogue)
    judged = labelled(tables.read(folds, [tables.KEY, "category", "group"]))
    group = judged.set_index(tables.KEY)["group"]
    paired = paired_table(tables.read(evaluation / "products.parquet"), group, roles)
    tables.write_csv(paired, output / "paired.csv", catalogue)
    text = json.dumps(summary(Path(champion)), indent=2, ensure_ascii=False)
    atomic.write_text(output / "package.json", text + "\n")
