"""New products as they arrive, week by week, and what people say of them.

A stream is a folder: `products.<any format>` with the columns of the catalogue and a date, `images/`, and,
where there are any, `reviews.csv` or `reviews.parquet` (as `python -m aisle.service.export` writes it) and
`traffic.csv` or `.parquet`, and the service's `predictions.parquet`. A folder without products is a stream
that has not begun.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import Field

from aisle.catalogue import dates, fields, near_duplicates
from aisle.catalogue.formats.records import FormatParams
from aisle.catalogue.images import quality
from aisle.catalogue.picture_files import PictureFolder
from aisle.catalogue.source import READERS, read_source
from aisle.deployment import packaging, product_table
from aisle.deployment.predictor import BATCH, Predictor, RawProducts
from aisle.models.predictions_table import PREFIX
from aisle.monitoring import encodings, said
from aisle.monitoring.observed import QUALITY, Observed
from aisle.monitoring.reference import TEXTS
from aisle.pipeline import tables
from aisle.pipeline.errors import AisleError, some
from aisle.pipeline.params import Section


class StreamParams(Section):
    """Part of section `monitoring`: how a stream is read.

    Parameters
    ----------
    id, date
        Columns of its products.
    format
        What is known of the table's format.
    """

    id: str = "id"
    date: str = "date"
    format: FormatParams = Field(default_factory=FormatParams)


@dataclass(frozen=True)
class Predicted:
    """The products of a stream.

    Attributes
    ----------
    table
        By date and product_id: product_id, date (ISO day), batch (the Monday of its week), title, text (its
        description, clean), predicted, confidence, send_to_person, challenger (its category; null without a
        challenger), label and strategy (of the review; null where there is none), ended.
    observed
        The same products.
    pictures
        Re-encoded first picture of each, None where there is none.
    answers
        How long the service took for a product: day, ms. Empty where the stream has none of its store.
    """

    table: pd.DataFrame
    observed: Observed
    pictures: list[bytes | None]
    answers: pd.DataFrame


def products_file(folder: Path) -> Path | None:
    """Return the table of a stream's products, None where it has not begun.

    Raises
    ------
    AisleError
        If there are several.
    """
    found = [path for path in sorted(folder.glob("products.*")) if path.suffix.lower() in READERS]
    if len(found) > 1:
        raise AisleError(
            f"{folder} must have one table products.*; it has {some(each.name for each in found)}"
        )
    return found[0] if found else None


def read_products(path: Path, predictor: Predictor, params: StreamParams) -> pd.DataFrame:
    """Return raw products by date and id: product_id, date, batch, and columns of `packaging.RAW`.

    Raises
    ------
    AisleError
        If a product has no id or date, or an id stands twice.
    """
    records = read_source(path, params.format)
    names = [str(name) for name in records.table.columns]
    if missing := fields.missing(names, [params.id, params.date]):
        raise AisleError(f"{path} must have the columns {some(missing)} (monitoring.columns)")
    columns = product_table.find_columns(records.table, predictor.package.columns, {})
    table = product_table.raw_products(records, columns, params.format)
    table.insert(0, tables.KEY, fields.texts(records.table, params.id))
    day, _ = dates.parse(fields.texts(records.table, params.date))
    table.insert(1, "date", day.to_numpy())
    bad = (table[tables.KEY] == "") | table["date"].isna()
    if bad.any() or table[tables.KEY].duplicated().any():
        wrong = table.loc[bad | table[tables.KEY].duplicated(), tables.KEY]
        raise AisleError(f"{path} must have an id once, and a date, in each row; not so {some(wrong)}")
    monday = pd.to_datetime(table["date"]).dt.to_period("W-SUN").dt.start_time.dt.strftime("%Y-%m-%d")
    table.insert(2, "batch", monday)
    return table.sort_values(["date", tables.KEY], ignore_index=True)


def picture_figures(picture: bytes | None) -> list[float]:
    """Return the figures of a picture in the order of `QUALITY`; NaN where there is none."""
    from io import BytesIO

    from PIL import Image

    if picture is None:
        return [np.nan] * len(QUALITY)
    with Image.open(BytesIO(picture)) as image:
        found = quality(image.convert("RGB"))
    return [found[name] for name in QUALITY]


def packages(champion: Path, challenger: Path) -> tuple[Predictor, Predictor | None]:
    """Return champion and challenger, None where there is no challenger.

    Encoders that both read are the champion's, so that each product is encoded once.

    Parameters
    ----------
    champion, challenger
        Their folders; that of the challenger is empty where there is none.
    """
    first = Predictor(champion)
    if not (challenger / packaging.FILE).is_file():
        return first, None
    own = packaging.read(challenger).pretrained
    shared = {name for name, digest in first.package.pretrained.items() if own.get(name) == digest}
    return first, Predictor(challenger, {name: champion / packaging.PRETRAINED / name for name in shared})


def predict(
    folder: Path,
    champion: Predictor,
    challenger: Predictor | None,
    reference: Observed,
    similarity: float,
    params: StreamParams,
) -> Predicted | None:
    """Return a stream's products with what champion and challenger say of them, None where it has not begun.

    Parameters
    ----------
    folder
        The stream.
    champion, challenger
        Packages of one catalogue: both read a product as the champion's prepares it (`packages`).
    reference
        Of the champion.
    similarity
        Of descriptions, at or above which two products are near-duplicates.
    params
        How the stream is read.
    """
    path = products_file(folder)
    if path is None:
        return None
    products = read_products(path, champion, params)
    made = _asked(products, PictureFolder(folder / "images"), champion, challenger)
    table = _table(products, made, folder)
    observed = Observed(
        ids=table[tables.KEY].to_numpy(object),
        group=groups(reference, made.descriptions, similarity),
        probabilities=made.decided[[PREFIX + name for name in reference.categories]].to_numpy(float),
        categories=reference.categories,
        vectors=made.vectors,
        quality=np.array([picture_figures(each) for each in made.pictures]),
        present=made.present,
        label=table["label"].to_numpy(object),
        texts=made.descriptions,
    )
    return Predicted(table, observed, made.pictures, said.answers(folder))


@dataclass(frozen=True)
class _Asked:
    """What champion and challenger say of n products, and what they read of them."""

    decided: pd.DataFrame
    challenger: list[object]
    vectors: dict[str, np.ndarray]
    present: dict[str, np.ndarray]
    pictures: list[bytes | None]
    descriptions: np.ndarray


def _asked(
    products: pd.DataFrame, images: PictureFolder, champion: Predictor, challenger: Predictor | None
) -> _Asked:
    """Return what both say of raw products, some at a time."""
    parts, vectors, present, pictures = [], [], [], list[bytes | None]()
    descriptions, other = list[str](), list[object]()
    for start in range(0, len(products), BATCH):
        rows = products.iloc[start : start + BATCH].reset_index(drop=True)
        raw = champion.raw(rows, images, challenger)
        parts.append(champion.decide(raw))
        vectors.append(encodings.of(champion, raw))
        own = [each[0] if each else None for each in raw.pictures()]
        pictures += own
        present.append(_present(raw, own))
        descriptions += raw.texts(["description"], "clean")
        second = challenger.decide(raw) if challenger else None
        other += [None] * len(rows) if second is None else list(second["predicted_category"])
    return _Asked(
        pd.concat(parts, ignore_index=True),
        other,
        {name: np.concatenate([each[name] for each in vectors]) for name in vectors[0]},
        {name: np.concatenate([each[name] for each in present]) for name in present[0]},
        pictures,
        np.array(descriptions, object),
    )


def _table(products: pd.DataFrame, made: _Asked, folder: Path) -> pd.DataFrame:
    """Return the table of `Predicted`, with what people say of the products."""
    told = products[[tables.KEY]].merge(
        said.reviews(folder), on=tables.KEY, how="left", validate="one_to_one"
    )
    told = told.astype(object).where(told.notna(), None)
    return products[[tables.KEY, "date", "batch"]].assign(
        title=products.get("title", ""),
        text=made.descriptions,
        predicted=made.decided["predicted_category"],
        confidence=made.decided["predicted_probability"],
        send_to_person=made.decided["send_to_person"],
        challenger=pd.Series(made.challenger, dtype=object),
        label=told["category"].to_numpy(),
        strategy=told["strategy"].to_numpy(),
        ended=told["ended"].to_numpy(),
    )


def _present(raw: RawProducts, pictures: list[bytes | None]) -> dict[str, np.ndarray]:
    """Return which products have each field."""
    found = {name: np.array([bool(text) for text in raw.texts([name], "clean")], bool) for name in TEXTS}
    return found | {"image": np.array([each is not None for each in pictures], bool)}


def groups(reference: Observed, texts: np.ndarray, similarity: float) -> np.ndarray:
    """Return the near-duplicate group of each new product, the reference's where it is near to one.

    Parameters
    ----------
    reference
        Its groups stay as they are.
    texts
        Descriptions of the m new products.
    similarity
        `folds.text_similarity`.

    Returns
    -------
    numpy.ndarray
        int (m,): groups without a product of the reference have numbers beyond its groups'.
    """
    n, place = len(reference), pd.Series(range(len(reference)))
    pairs = near_duplicates.text_pairs(pd.Series(np.concatenate([reference.texts, texts])), similarity)
    known = pd.DataFrame({"left": place.groupby(reference.group).transform("first"), "right": place})
    group = near_duplicates.groups(n + len(texts), pairs, known)
    own = dict(zip(group[:n][::-1], reference.group[::-1], strict=True))
    beyond = int(reference.group.max()) + 1
    return np.array([own.get(each, beyond + each) for each in group[n:]])
