"""A model's input as the pipeline's files have it: what the training stages read, for every product."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from aisle import features, predictor, recipes, tables, text_fields


class StoredInputs:
    """The products of a catalogue, for `aisle.predictor.Predictor.decide`.

    Parameters
    ----------
    texts, pictures
        data/text.parquet, data/images.parquet.
    features
        Folder of feature files.
    """

    def __init__(self, texts: Path, pictures: Path, features: Path) -> None:
        self._texts = tables.read(texts)
        self._pictures = pictures
        self._features = sorted(features.rglob("*.parquet"))
        self.product_ids = list(self._texts[tables.KEY])

    def __len__(self) -> int:
        """Return how many products there are."""
        return len(self.product_ids)

    def texts(self, fields: list[str], form: str) -> list[str]:
        """Return the texts of data/text.parquet."""
        return text_fields.compose(self._texts, fields, form)

    def vectors(self, recipe: recipes.VectorRecipe, folder: Path | None) -> np.ndarray:
        """Return the vectors of the feature file that was made so.

        A fine-tuned encoder has none: its vectors are made of data/text.parquet or data/images.parquet.
        """
        for path in self._features:
            metadata = pq.read_schema(path).metadata
            if recipes.loads(metadata[b"recipe"].decode()) == recipe:
                found = features.read(path)
                rows = pd.DataFrame({tables.KEY: found.product_ids, "row": range(len(found.product_ids))})
                order = tables.align(rows, self.product_ids, str(path), "data/text.parquet")["row"]
                return found.vectors[order.to_numpy()]
        encoder = predictor.encoder(recipe, folder)
        if recipe.modality == "text":
            return predictor.encode(encoder, recipe, self.texts(recipe.fields, recipe.form))
        pictures = tables.read(self._pictures, [tables.KEY, "picture"])
        pictures = tables.align(pictures, self.product_ids, "data/images.parquet", "data/text.parquet")
        return predictor.encode(encoder, recipe, pictures["picture"].tolist())
