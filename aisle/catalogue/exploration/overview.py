"""All that the report shows of a catalogue and its texts before any model, as tables."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pydantic import Field

from aisle.catalogue import picture_rows, thumbnails
from aisle.catalogue.exploration import catalogue_counts, distributions, examples, terms, word_clouds
from aisle.catalogue.labelled import NO_CATEGORY
from aisle.catalogue.text_selection import compose
from aisle.pipeline import tables
from aisle.pipeline.params import Section

QUALITY = ["width", "height", "brightness", "contrast", "sharpness", "background"]
SIZE_STEP = 32
"""Pixels to which sizes of pictures are rounded."""
BINS = 60
"""Of a histogram, at most."""
RANKS = 300
"""Points of the rank-frequency curve."""


class ExplorationParams(Section):
    """Section `exploration`.

    Parameters
    ----------
    fields, form
        Of the texts whose terms are counted.
    n_terms
        Of the catalogue and of each category.
    n_categories
        The largest, at most, that terms, word clouds, distributions and pictures are shown of one by one.
    cloud_words
        Of a word cloud, at most.
    example_words
        Wanted in the text that is shown at each step of preprocessing.
    n_pairs
        Near-duplicates of each kind, at most.
    pair_characters
        Of each description beside them.
    n_pictures
        Of each category, at most.
    picture_side, picture_quality
        Of these: pixels, longest side; JPEG.
    seed
        Of the pictures drawn and of the words' places in a cloud.
    """

    fields: list[str]
    form: str
    n_terms: int = Field(ge=1)
    n_categories: int = Field(ge=1)
    cloud_words: int = Field(ge=1)
    example_words: int = Field(ge=1)
    n_pairs: int = Field(ge=0)
    pair_characters: int = Field(ge=1)
    n_pictures: int = Field(ge=0)
    picture_side: int = Field(ge=16)
    picture_quality: int = Field(ge=1, le=95)
    seed: int


@dataclass(frozen=True)
class Catalogue:
    """The tables of a catalogue, of the same products in one order.

    Attributes
    ----------
    products, texts, folds
        Those of data/products.parquet, data/text.parquet, and product_id and group of data/folds.parquet.
    statistics
        That of data/text_statistics.csv: a row per product and field.
    images
        product_id, problem and QUALITY of data/images.parquet: of each picture, in the order of places.
    image_file
        Its path: pictures are read a few at a time.
    pairs
        The table of data/near_duplicates.csv.
    """

    products: pd.DataFrame
    texts: pd.DataFrame
    statistics: pd.DataFrame
    images: pd.DataFrame
    image_file: Path
    folds: pd.DataFrame
    pairs: pd.DataFrame

    def aligned(self) -> "Catalogue":
        """Return the same catalogue, its tables in the order of `products`.

        Raises
        ------
        AisleError
            If a table does not have the same products: names them.
        """
        ids, reference = self.products[tables.KEY], "data/products.parquet"
        shown = dict.fromkeys(("category", "category_path"), NO_CATEGORY)
        return Catalogue(
            self.products.fillna(shown),
            tables.align(self.texts, ids, "data/text.parquet", reference),
            self.statistics,
            tables.align(picture_rows.first(self.images), ids, "data/images.parquet", reference),
            self.image_file,
            tables.align(self.folds, ids, "data/folds.parquet", reference),
            self.pairs,
        )

    @property
    def pictured(self) -> pd.DataFrame:
        """Return the products that have a readable picture."""
        return self.products[self.images["problem"].isna()]


def explore(
    catalogue: Catalogue, params: ExplorationParams, small: thumbnails.ThumbnailsParams
) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """Return the tables of reports/exploration/ by name, and that of data/thumbnails.parquet.

    Parameters
    ----------
    catalogue
        What to explore.
    params, small
        Sections `exploration` and `thumbnails`.

    Raises
    ------
    AisleError
        If two tables do not have the same products: names them.
    """
    catalogue = catalogue.aligned()
    pairs, sample = shown(catalogue, params)
    found = {
        **describe(catalogue, params),
        **describe_texts(catalogue.products, catalogue.texts, params),
        "near_duplicates": pairs,
        "pictures": sample,
    }
    return found, thumbnails.table(catalogue.pictured, catalogue.image_file, small)


def largest(categories: pd.Series, count: int) -> list[str]:
    """Return the names of the `count` largest categories, sorted; of all where they are fewer."""
    sizes = categories.value_counts().rename_axis("category").reset_index(name="products")
    first = sizes.sort_values(["products", "category"], ascending=[False, True])["category"].head(count)
    return sorted(str(name) for name in first)


def describe(catalogue: Catalogue, params: ExplorationParams) -> dict[str, pd.DataFrame]:
    """Return the tables of counts and distributions."""
    products, images = catalogue.products, catalogue.images
    pairs = catalogue_counts.specification_pairs(products)
    words = catalogue.statistics.pivot(
        index="product_id", columns="field", values=["words_before", "words_after"]
    )
    words = words.loc[products["product_id"]].reset_index(drop=True)
    lengths = {
        f"{field}_{when}": words[f"words_{when}", field].astype(int)
        for field in ("title", "description", "specifications")
        for when in ("before", "after")
    }
    measures = {"price": products["price"], **lengths, **{name: images[name] for name in QUALITY}}
    described = {name: lengths[name] for name in ("description_before", "description_after")}
    return {
        "specification_keys": catalogue_counts.specification_keys(pairs),
        "specification_values": catalogue_counts.specification_values(pairs),
        "category_tree": catalogue_counts.category_tree(products),
        "brands": catalogue_counts.brands(products),
        "missing": catalogue_counts.missing(products, images["problem"].isna()),
        "distributions": distributions.summary(
            pd.DataFrame(measures), products["category"], largest(products["category"], params.n_categories)
        ),
        "histograms": distributions.histograms(pd.DataFrame(described), BINS),
        "picture_sizes": distributions.picture_sizes(images, SIZE_STEP),
    }


def describe_texts(
    products: pd.DataFrame, texts: pd.DataFrame, params: ExplorationParams
) -> dict[str, pd.DataFrame]:
    """Return the tables of terms, the word clouds and the preprocessing example, of products in one order."""
    counts, names = terms.bag(compose(texts, params.fields, params.form))
    one_by_one = largest(products["category"], params.n_categories)
    table = terms.table(counts, names, products["category"], params.n_terms, one_by_one)
    clouds = [
        word_clouds.layout(
            dict(zip(rows["term"], rows[kind], strict=True)), params.cloud_words, params.seed
        ).assign(category=category, kind=kind)
        for category, rows in table.groupby("category")
        for kind in ("count", "tfidf")
    ]
    empty = pd.DataFrame(columns=["category", "kind", *word_clouds.COLUMNS])
    return {
        "terms": table,
        "term_frequencies": terms.frequencies(counts, names, RANKS),
        "word_clouds": pd.concat(clouds, ignore_index=True)[list(empty)] if clouds else empty,
        "preprocessing": examples.preprocessing(texts, params.example_words),
    }


def shown(catalogue: Catalogue, params: ExplorationParams) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return near-duplicates and sample products, with a column jpeg: the picture, of a pair both in one.

    Pairs of texts have none.
    """
    pairs = examples.near_duplicates(
        catalogue.pairs,
        catalogue.products,
        catalogue.folds.set_index("product_id")["group"],
        params.n_pairs,
        params.pair_characters,
    )
    one_by_one = largest(catalogue.products["category"], params.n_categories)
    pictured = catalogue.pictured[catalogue.pictured["category"].isin(one_by_one)]
    sample = examples.sample(pictured, params.n_pictures, params.seed)
    alike = pairs[pairs["kind"].eq("picture")]
    ids = {*sample["product_id"], *alike["product_id_left"], *alike["product_id_right"]}
    small = thumbnails.read(catalogue.image_file, ids, params.picture_side, params.picture_quality)
    both = [
        thumbnails.beside([small[left], small[right]], params.picture_quality) if kind == "picture" else None
        for kind, left, right in zip(
            pairs["kind"], pairs["product_id_left"], pairs["product_id_right"], strict=True
        )
    ]
    alone = [thumbnails.beside([small[key]], params.picture_quality) for key in sample["product_id"]]
    return (
        pairs.assign(jpeg=pd.Series(both, pairs.index, object)),
        sample.assign(jpeg=pd.Series(alone, sample.index, object)),
    )
