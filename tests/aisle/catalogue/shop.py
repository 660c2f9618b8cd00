"""A shop's table of products, in the columns that a shop would have."""

import pandas as pd

from aisle.catalogue.columns import CatalogueParams, map_columns
from aisle.catalogue.formats.records import Records
from aisle.catalogue.validation import IngestParams, validate

COLUMNS = {
    "id": "sku",
    "title": "name",
    "description": "text",
    "image": "file",
    "brand": "maker",
    "price": "cost",
    "specifications": "specs",
}


HEADER = [*COLUMNS.values(), "path", "ignored"]


LENIENT = IngestParams(max_refused_share=0.5, min_category_size=5)


def parameters(columns=COLUMNS, separator=">", level=1, column="path", category=None, **more):
    return CatalogueParams(
        name="shop",
        table="shop.csv",
        images="pictures",
        columns=columns,
        category={"column": column, "separator": separator, "level": level, **(category or {})},
        **more,
    )


def shop_rows(count=12):
    """Return rows, half of them in each of 2 categories."""
    return [
        {
            "sku": f"s{i}",
            "name": f"thing {i}",
            "text": "words, quoted",
            "file": f"{i}.jpg",
            "maker": "Acme",
            "cost": f"{i}.5",
            "specs": "Colour: red",
            "path": f"{'Garden' if i % 2 else 'Kitchen'} > sub{i % 4}",
            "ignored": "x",
        }
        for i in range(count)
    ]


def source(rows, problems=None):
    frame = pd.DataFrame(rows, columns=HEADER, dtype=object)
    frame.index = pd.RangeIndex(2, len(rows) + 2, name="line")
    return Records(frame, problems or {})


def ingest(rows, params=None, limits=LENIENT, problems=None):
    params = params or parameters()
    return validate(map_columns(source(rows, problems), params), limits, params.category)
