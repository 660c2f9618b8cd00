"""Count and choose what the report shows of the catalogue and its texts, before any model.

Inputs: data/products.parquet, data/text.parquet, data/text_statistics.csv, data/images.parquet,
data/folds.parquet (groups of near-duplicates), data/near_duplicates.csv.
Output: reports/exploration/, a folder of Parquet tables: specification_keys, specification_values,
category_tree, brands, missing, distributions, histograms, picture_sizes, terms, term_frequencies,
word_clouds, preprocessing, near_duplicates, pictures; their columns are in docs/data_dictionary.md.
"""

from pathlib import Path

import pandas as pd
from pydantic import Field

from aisle import cli, tables, thumbnails
from aisle.exploration import catalogue_counts, distributions, examples, terms, word_clouds
from aisle.params import Section, load_params
from aisle.text_fields import compose

QUALITY = ["width", "height", "brightness", "contrast", "sharpness", "background"]
SIZE_STEP = 32
"""Pixels to which sizes of pictures are rounded."""
BINS = 60
"""Of a histogram, at most."""
RANKS = 300
"""Points of the rank-frequency curve."""


class ExplorationParams(Section):
    """Section `exploration`."""

    fields: list[str]
    form: str
    n_terms: int = Field(ge=1)
    cloud_words: int = Field(ge=1)
    example_words: int = Field(ge=1)
    n_pairs: int = Field(ge=0)
    pair_characters: int = Field(ge=1)
    n_pictures: int = Field(ge=0)
    picture_side: int = Field(ge=16)
    picture_quality: int = Field(ge=1, le=95)
    seed: int


def describe(
    products: pd.DataFrame, statistics: pd.DataFrame, images: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """Return the tables of counts and distributions; the three tables have the same products in one order."""
    pairs = catalogue_counts.specification_pairs(products)
    words = statistics.pivot(index="product_id", columns="field", values=["words_before", "words_after"])
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
        "distributions": distributions.summary(pd.DataFrame(measures), products["category"]),
        "histograms": distributions.histograms(pd.DataFrame(described), BINS),
        "picture_sizes": distributions.picture_sizes(images, SIZE_STEP),
    }


def read_texts(
    products: pd.DataFrame, texts: pd.DataFrame, params: ExplorationParams
) -> dict[str, pd.DataFrame]:
    """Return the tables of terms, the word clouds and the preprocessing example."""
    counts, names = terms.bag(compose(texts, params.fields, params.form))
    found = terms.table(counts, names, products["category"], params.n_terms)
    clouds = [
        word_clouds.layout(
            dict(zip(rows["term"], rows[kind], strict=True)), params.cloud_words, params.seed
        ).assign(category=category, kind=kind)
        for category, rows in found.groupby("category")
        for kind in ("count", "tfidf")
    ]
    empty = pd.DataFrame(columns=["category", "kind", *word_clouds.COLUMNS])
    return {
        "terms": found,
        "term_frequencies": terms.frequencies(counts, names, RANKS),
        "word_clouds": pd.concat(clouds, ignore_index=True)[list(empty)] if clouds else empty,
        "preprocessing": examples.preprocessing(texts, params.example_words),
    }


def pictured(
    sample: pd.DataFrame, pairs: pd.DataFrame, path: str, params: ExplorationParams
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return both tables with a column jpeg: the product's picture; those of both, of pairs by picture."""
    alike = pairs[pairs["kind"].eq("picture")]
    ids = {*sample["product_id"], *alike["product_id_left"], *alike["product_id_right"]}
    made = thumbnails.read(path, ids, params.picture_side, params.picture_quality)
    both = [
        thumbnails.beside(
            [made[row["product_id_left"]], made[row["product_id_right"]]], params.picture_quality
        )
        if row["kind"] == "picture"
        else None
        for row in pairs.to_dict("records")
    ]
    alone = [thumbnails.beside([made[key]], params.picture_quality) for key in sample["product_id"]]
    return (
        sample.assign(jpeg=pd.Series(alone, sample.index, object)),
        pairs.assign(jpeg=pd.Series(both, pairs.index, object)),
    )


def main() -> None:
    """Read files, run, write files."""
    parser = cli.parser(
        __doc__,
        products="products",
        texts="texts",
        statistics="words before and after",
        pictures="pictures",
        folds="folds",
        pairs="pairs of near-duplicates",
        output="output: folder of tables",
    )
    args = parser.parse_args()
    params = load_params(args.params, "exploration", ExplorationParams)
    products = tables.read(args.products)
    label = products.attrs["catalogue"]
    texts, images, folds = (
        tables.align(tables.read(path, columns), products["product_id"], path, args.products)
        for path, columns in (
            (args.texts, None),
            (args.pictures, ["product_id", "problem", *QUALITY]),
            (args.folds, ["product_id", "group"]),
        )
    )
    pairs = examples.near_duplicates(
        tables.read_csv(args.pairs),
        products,
        folds.set_index("product_id")["group"],
        params.n_pairs,
        params.pair_characters,
    )
    sample = examples.sample(products[images["problem"].isna()], params.n_pictures, params.seed)
    sample, pairs = pictured(sample, pairs, args.pictures, params)
    found = {
        **describe(products, tables.read_csv(args.statistics), images),
        **read_texts(products, texts, params),
        "near_duplicates": pairs,
        "pictures": sample,
    }
    for name, table in found.items():
        tables.write(table, Path(args.output) / f"{name}.parquet", label)


if __name__ == "__main__":
    cli.run(main)
