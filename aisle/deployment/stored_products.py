"""A model's input as the pipeline's files have it: what the training stages read, for every product."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from aisle.catalogue import picture_rows, text_selection
from aisle.deployment import predictor
from aisle.pipeline import tables
from aisle.representations import recipes, vectors_file


class StoredInputs:
    """The products of a catalogue, for `aisle.deployment.predictor.Predictor.decide`.

    Parameters
    ----------
    texts, pictures
        data/text.parquet, data/images.parquet.
    features
        Folder of feature files.
    """

    def __init__(self, texts: str | Path, pictures: str | Path, features: str | Path) -> None:
        self._texts = tables.read(texts)
        self._pictures = pictures
        self._features = sorted(Path(features).rglob("*.parquet"))
        self.product_ids = list(self._texts[tables.KEY])

    def __len__(self) -> int:
        """Return how many products there are."""
        return len(self.product_ids)

    def texts(self, fields: list[str], form: str) -> list[str]:
        """Return the texts of data/text.parquet."""
        return text_selection.apart(self._texts, fields, form)

    def vectors(self, recipe: recipes.VectorRecipe, folder: Path | None) -> np.ndarray:
        """Return the vectors of the feature file that was made so.

        A fine-tuned encoder has none: its vectors are made of data/text.parquet or data/images.parquet.
        """
        for path in self._features:
            metadata = pq.read_schema(path).metadata
            if recipes.loads(metadata[b"recipe"].decode()) == recipe:
                found = vectors_file.read(path)
                rows = pd.DataFrame({tables.KEY: found.product_ids, "row": range(len(found.product_ids))})
                order = tables.align(rows, self.product_ids, str(path), "data/text.parquet")["row"]
                return found.vectors[order.to_numpy()]
        encoder = predictor.encoder(recipe, folder)
        if recipe.modality == "text":
            texts = text_selection.together(self.texts(recipe.fields, recipe.form))
            return predictor.encode(encoder, recipe, texts)
        pictures = tables.read(self._pictures, [tables.KEY, "picture"])
        return predictor.encode(encoder, recipe, picture_rows.readable(pictures, self.product_ids))


def of_unlabelled(predicted: pd.DataFrame, folds: str | Path, texts: str | Path) -> pd.DataFrame:
    """Return the predictions of the products that came without a category: what people brought them for.

    Parameters
    ----------
    predicted
        From `predict_all`.
    folds, texts
        data/folds.parquet and data/text.parquet.

    Returns
    -------
    pandas.DataFrame
        product_id, title, and the columns of `predictor.Predictor.decide`, by product_id.
    """
    category = tables.read(folds, [tables.KEY, "category"])
    wanted = category.loc[category["category"].isna(), [tables.KEY]]
    titles = tables.read(texts, [tables.KEY, "title_raw"]).rename(columns={"title_raw": "title"})
    named = wanted.merge(titles, on=tables.KEY, validate="one_to_one")
    return named.merge(predicted, on=tables.KEY, validate="one_to_one").sort_values(tables.KEY)


def write_unlabelled(
    predicted: pd.DataFrame, folds: str | Path, texts: str | Path, parquet: str | Path, csv: str | Path
) -> None:
    """Write what `of_unlabelled` returns twice: for programs, and for people."""
    table = of_unlabelled(predicted, folds, texts)
    catalogue = tables.read(folds, [tables.KEY]).attrs["catalogue"]
    tables.write(table, parquet, catalogue)
    tables.write_csv(table, csv, catalogue)


def predict_all(package: str, inputs: StoredInputs) -> pd.DataFrame:
    """Return what a package decides of every product, by `product_id` (see `predictor.Predictor.decide`).

    Parameters
    ----------
    package
        Its folder.
    inputs
        The products.
    """
    predicted = predictor.Predictor(package).decide(inputs)
    predicted.insert(0, tables.KEY, inputs.product_ids)
    return predicted
