"""Write a catalogue of any number of invented products, to see what the pipeline makes of large ones.

  python tools/make_catalogue.py --products 100000 --seed 0 --output ../generated-100000 --no-pictures
  make study CATALOGUE=../generated-100000

The folder then has products.parquet (texts, brand, price, date and, unless left out, tiny pictures as
bytes), catalogue.yaml (its mapping) and planted.parquet: what is known of the products, a row for each fact.
`kind` is `text` or `picture` (`original` names the product that this one is a near-duplicate of) or `label`
(`path` is where a product that is filed elsewhere belongs).

The tree has three levels and a Zipf tail. The same command writes the same bytes (for one version of Pillow,
PyArrow and NumPy), the products of a smaller catalogue are the first of a larger one, and memory does not
grow with their number.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where this runs as a script

from aisle.pipeline import atomic, cli
from aisle.pipeline.errors import AisleError
from tools.scale.pictures import Photographer
from tools.scale.shop import BLOCK, ID_BITS, KINDS, Block, Shop

PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
"""As Hugging Face's datasets hold pictures."""
PRODUCTS = pa.schema(
    [
        ("id", pa.string()),
        ("title", pa.string()),
        ("description", pa.string()),
        ("category", pa.string()),
        ("brand", pa.string()),
        ("price", pa.float64()),
        ("specifications", pa.string()),
        ("date", pa.date32()),
    ]
)
PLANTED = pa.schema(
    [("id", pa.string()), ("kind", pa.string()), ("original", pa.string()), ("path", pa.string())]
)
MAPPING = """\
# An invented catalogue, by tools/make_catalogue.py --products {products} --seed {seed}{without}
catalogue:
  name: generated-{products}
  table: products.parquet
  images: images                      # empty: pictures are in the table, or nowhere
  columns: {{id: id, title: title, description: description, {image}brand: brand, price: price,
    specifications: specifications, date: date}}
  category: {{column: category, separator: ">>", level: tree}}
"""


def tables(products: int, seed: int, pictures: bool) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Yield the products of each block, and what is known of them."""
    shop, photographer = Shop(seed), Photographer(seed) if pictures else None
    for number in range(-(-products // BLOCK)):
        block, rows = shop.block(number), min(BLOCK, products - number * BLOCK)
        table = pa.Table.from_pandas(block.products, schema=PRODUCTS, preserve_index=False)
        table = table.replace_schema_metadata(None)
        if photographer:
            taken = islice(photographer.pictures(number, block), rows)
            shown = pa.array([each and {"bytes": each} for each in taken], PICTURE)
            table = table[:rows].append_column("image", shown)
        yield table[:rows], planted(shop, block, rows, pictures)


def planted(shop: Shop, block: Block, rows: int, pictures: bool) -> pa.Table:
    """Return what is known of the first `rows` products of a block: id, kind, original or path."""
    ids, category = block.products["id"].to_numpy(), block.products["category"].to_numpy()
    paths = shop.paths[block.leaf]
    wrong = pd.notna(category) & (category != paths)
    facts = [
        pd.DataFrame(
            {"id": ids[wrong], "kind": "label", "path": paths[wrong], "place": np.flatnonzero(wrong)}
        )
    ]
    for kind in ("text", "picture") if pictures else ("text",):
        copies = np.flatnonzero(block.copied & np.isin(block.kind, [KINDS.index(kind), KINDS.index("both")]))
        originals = ids[block.original[copies]]
        facts.append(pd.DataFrame({"id": ids[copies], "kind": kind, "original": originals, "place": copies}))
    every = pd.concat(facts).sort_values(["place", "kind"])
    every = every[every["place"] < rows].reindex(columns=PLANTED.names)
    return pa.Table.from_pandas(every, schema=PLANTED, preserve_index=False).replace_schema_metadata(None)


def write(output: Path, products: int, seed: int, pictures: bool) -> None:
    """Write the folder of a catalogue; files of these names are replaced."""
    schema = PRODUCTS.append(pa.field("image", PICTURE)) if pictures else PRODUCTS
    (output / "images").mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        writers = []
        for name, columns in (("products", schema), ("planted", PLANTED)):
            part = stack.enter_context(atomic.replacing(output / f"{name}.parquet"))
            coding = {each: "none" if each == "image" else "zstd" for each in columns.names}
            writers.append(stack.enter_context(pq.ParquetWriter(part, columns, compression=coding)))
        for each in tables(products, seed, pictures):
            for writer, table in zip(writers, each, strict=True):
                writer.write_table(table, row_group_size=BLOCK)
    given = {"without": "", "image": "image: image.bytes, "}
    if not pictures:
        given = {"without": " --no-pictures", "image": ""}
    atomic.write_text(output / "catalogue.yaml", MAPPING.format(products=products, seed=seed, **given))


def main() -> None:
    """Read the command line and write the catalogue."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--products", type=int, required=True, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn (%(default)s)")
    parser.add_argument("--output", type=Path, help="folder to write (build/generated-<products>)")
    parser.add_argument(
        "--pictures", action=argparse.BooleanOptionalAction, default=True, help="with tiny pictures (yes)"
    )
    args = parser.parse_args()
    if not 0 < args.products <= 2**ID_BITS or args.seed < 0:
        raise AisleError(
            f"--products must be 1 to {2**ID_BITS:,} and --seed 0 or more, "
            f"not {args.products} and {args.seed}"
        )
    write(
        args.output or Path("build") / f"generated-{args.products}", args.products, args.seed, args.pictures
    )


if __name__ == "__main__":
    cli.run(main)
