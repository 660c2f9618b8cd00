"""Predict the category of products from their raw title, description, specifications and picture.

One product:

  python -m aisle.predict --model champion --title "Wall clock" --image clock.jpg

Many, from a table (CSV, TSV, Excel, JSON lines, Parquet, XML), by the columns of the catalogue that the model
has learned from, or those named title, description, specifications and image (others are kept):

  python -m aisle.predict --model champion --input products.csv --output predictions.csv

Very many, from Parquet shards of a folder or an object store, into a folder of as many (docs/scale.md); a run
that was killed goes on with those that are missing:

  python -m aisle.predict --model champion --input 'shards/*.parquet' --output predictions

Each gets a category with its probability, the three most probable ones, and whether to send it to a person:
the probability is below the threshold above which the share of wrong decisions is bounded.
A picture that cannot be read costs a warning, and the product is predicted from its text.
The model is a package (aisle/deployment/packaging.py): a folder that needs nothing but the installed aisle.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from aisle.deployment import packaging
from aisle.deployment.packaging import RAW
from aisle.deployment.shards import is_pattern
from aisle.pipeline import atomic, cli, escaping
from aisle.pipeline.errors import AisleError, some
from aisle.pipeline.params import check

if TYPE_CHECKING:
    import pandas as pd

    from aisle.catalogue.formats.records import FormatParams
    from aisle.deployment.predictor import Predictor


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = argparse.ArgumentParser(
        prog="python -m aisle.predict",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument(
        "--model",
        default="champion",
        help="folder of a package, or its name below packages/ (default: %(default)s)",
    )
    one = result.add_argument_group("one product")
    one.add_argument("--title", metavar="TEXT", help="what the shop calls it")
    one.add_argument("--description", metavar="TEXT", help="its text; HTML is stripped")
    one.add_argument(
        "--specifications", metavar="TEXT", help="'key: value; key: value', JSON, or Flipkart's notation"
    )
    one.add_argument("--image", metavar="PATH", help="its picture: JPEG, PNG, GIF, WebP, BMP, TIFF or AVIF")
    many = result.add_argument_group("many products")
    many.add_argument(
        "--input",
        metavar="TABLE",
        help="products, one row each (docs/catalogues.md); or shards: a name with wildcards, or an address",
    )
    many.add_argument(
        "--columns",
        metavar="FIELD=COLUMN",
        nargs="+",
        default=[],
        help="where the table has title, image, ...",
    )
    many.add_argument("--encoding", help="of the table (default: found out)")
    many.add_argument("--delimiter", help="between its columns (default: found out)")
    many.add_argument("--quote", help='around its fields, "" for none (default: found out)')
    many.add_argument("--images", metavar="FOLDER", help="of the pictures (default: where the table is)")
    many.add_argument(
        "--output",
        metavar="PATH",
        help="the input's columns, then the predictions': CSV, or .parquet; of shards, a folder",
    )
    many.add_argument(
        "--workers", type=int, metavar="N", help="processes for shards (default: as many as processors)"
    )
    many.add_argument(
        "--engine",
        choices=("processes", "ray"),
        help="what predicts shards: processes here, or Ray here or at RAY_ADDRESS (default: processes)",
    )
    result.add_argument("--json", action="store_true", help="print JSON, with every category's probability")
    return result


def columns_said(args: argparse.Namespace) -> dict[str, str]:
    """Return the column of each field that the command line names."""
    said = dict(each.partition("=")[::2] for each in args.columns)
    if wrong := [name for name, column in said.items() if name not in RAW or not column]:
        raise AisleError(f"--columns must be FIELD=COLUMN, of the fields {some(RAW)}; see {some(wrong)}")
    return said


def read_products(
    source: str | Path, package: packaging.Package, said: Mapping[str, str], params: "FormatParams"
) -> tuple["pd.DataFrame", "pd.DataFrame", "pd.DataFrame", str]:
    """Read a table of raw products.

    Parameters
    ----------
    source
        The table's file.
    package
        Of the model: its catalogue's columns are looked for.
    said
        Field to its column, where the user says it.
    params
        What is known of the format.

    Returns
    -------
    kept : pandas.DataFrame
        The table as it is, in text: a row for each record.
    products : pandas.DataFrame
        The same records as the predictor reads them (`aisle.deployment.product_table.raw_products`).
    problems : pandas.DataFrame
        Columns line and problem ("" where the record is well-formed), likewise.
    told : str
        What was found out about the format and the columns, in words.

    Raises
    ------
    AisleError
        If it is no table, or has none of the columns.
    """
    import pandas as pd

    from aisle.catalogue.source import read_source
    from aisle.deployment import product_table

    records = read_source(source, params)
    if swallowed := [line for line, words in records.problems.items() if "inch mark" in words]:
        raise AisleError(
            f"{source} must have one row a product; on line {swallowed[0]} "
            f"{records.problems[swallowed[0]]} (--quote)"
        )
    columns = product_table.find_columns(records.table, package.columns, said)
    lines = records.table.index
    problems = pd.DataFrame({"line": lines, "problem": [records.problems.get(line, "") for line in lines]})
    return (
        product_table.as_cells(records.table),
        product_table.raw_products(records, columns, params),
        problems,
        f"{records.told()}; {_told(columns)}",
    )


def beside(
    kept: "pd.DataFrame", table: "pd.DataFrame", problems: "pd.DataFrame", source: str | Path
) -> "pd.DataFrame":
    """Return a table with its predictions beside it; a malformed record goes to a person and says why.

    Parameters
    ----------
    kept, problems, source
        Of `read_products`.
    table
        Predictions of its products, as of `Predictor.predict`; changed in its place.

    Raises
    ------
    AisleError
        If the table has columns of the predictions' names.
    """
    import pandas as pd

    from aisle.deployment import product_table

    if twice := sorted({*kept.columns} & {*table.columns}):
        raise AisleError(f"{source} must not have columns of the predictions; rename {some(twice)}")
    if len(table):
        product_table.tell_malformed(table, problems["problem"])
    rows = pd.concat([kept, table], axis=1)
    if len(rows) != len(kept):
        raise RuntimeError(f"{len(kept)} products were read and {len(rows)} predicted")
    return rows


def _told(columns: Mapping[str, object]) -> str:
    """Return in words which column is which field, and which there is not."""
    lacking = [name for name in RAW if name not in columns]
    told = ", ".join(name if name == column else f"{name} is {column}" for name, column in columns.items())
    return told + (f"; no {some(lacking)}" if lacking else "")


COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".xz": "xz", ".zst": "zstd", ".zip": "zip"}


def write_predictions(rows: "pd.DataFrame", path: str) -> None:
    """Write a table, whole or not at all: it may be the input's place.

    Its suffix says whether it is Parquet, and how a CSV is compressed. In a CSV, a text that a spreadsheet
    would take for a formula has an apostrophe before it.
    """
    with atomic.replacing(path) as part:
        if Path(path).suffix.lower() == ".parquet":  # where no two columns may have no name
            unique = [str(name) or f"column {place}" for place, name in enumerate(rows.columns, 1)]
            rows.set_axis(unique, axis=1).to_parquet(part, index=False)
            return
        method = COMPRESSIONS.get(Path(path).suffix.lower())
        named: dict[str, dict[str, Any]] = {
            "zip": {"archive_name": Path(path).stem},
            "gzip": {"mtime": 0},
        }  # the same bytes each time
        packed: Any = {"method": method, **named.get(method or "", {})}
        rows = escaping.each_text(rows, escaping.formula)
        rows.to_csv(part, index=False, float_format="%.10g", lineterminator="\n", compression=packed)


def many(predictor: "Predictor", args: argparse.Namespace) -> None:
    """Predict the products of a table."""
    import pandas as pd
    from tqdm import tqdm

    from aisle.catalogue.formats.records import FormatParams
    from aisle.deployment.predictor import as_json

    source = Path(args.input)
    said = columns_said(args)
    options = {name: getattr(args, name) for name in ("encoding", "delimiter", "quote")}
    params = check({key: value for key, value in options.items() if value is not None}, FormatParams, "--")
    kept, products, problems, told = read_products(args.input, predictor.package, said, params)
    print(f"{args.input} {told}", file=sys.stderr)
    folder = Path(args.images) if args.images else source.parent
    if not folder.is_dir():
        raise AisleError(f"--images must be a folder; {folder} is not")
    bar = partial(tqdm, desc="products", unit="batch", disable=None)
    table = predictor.predict(products, folder, bar) if len(products) else pd.DataFrame()
    rows = beside(kept, table, problems, source)
    if args.output:
        write_predictions(rows, args.output)
    if args.json:
        print(json.dumps(as_json(table) if len(table) else [], ensure_ascii=False, indent=2))
    if len(table):
        warned = table["warning"].loc[table["warning"] != ""]
        for row, warning in warned.head(5).items():
            print(f"warning: line {problems['line'].iloc[int(str(row))]}: {warning}", file=sys.stderr)
        if len(warned) > 5:
            print(f"warning: and {len(warned) - 5} more, see the column `warning`", file=sys.stderr)
    waiting = int(table["send_to_person"].sum()) if len(table) else 0
    print(f"{len(products)} products predicted, {waiting} of them to send to a person", file=sys.stderr)


def shards(folder: Path, args: argparse.Namespace) -> None:
    """Predict the products of shards, those that have no predictions yet."""
    from aisle.deployment import manifest, shard_pool
    from aisle.deployment.batch import Counts, Job
    from aisle.deployment.shards import Results, find, fixed, system

    package, said = packaging.read(folder), columns_said(args)
    every = find(args.input)
    files, path = system(args.input)
    own = Path(fixed(path))
    with TemporaryDirectory(prefix="aisle-") as nowhere:
        images = args.images or (own if "file" in files.protocol and own.is_dir() else nowhere)
        if not Path(images).is_dir():
            raise AisleError(f"--images must be a folder; {images} is not")
        key = {"package": manifest.identity(folder), "columns": said, "images": args.images or ""}
        job = Job(str(folder), str(images), args.output, said, key)
        results = Results(args.output, key)
        results.check_apart(args.input, every)
        missing = results.missing(every)
        told = f"; {len(every) - len(missing)} are predicted already" if len(missing) < len(every) else ""
        print(f"{args.input}: {len(every)} shards{told}; {package.title}", file=sys.stderr)
        here, total = results.in_this_process or "memory" in files.protocol, Counts()
        if missing and args.engine == "ray":
            from aisle.deployment import ray_engine

            if here:
                raise AisleError("--engine ray takes files that other processes see; memory:// has none")
            total = ray_engine.predict_shards(job, missing, args.workers)
        elif missing:
            total = shard_pool.predict_shards(job, missing, 1 if here else args.workers)
    print(
        f"{total.products} products predicted, {total.waiting} of them to send to a person, {total.warned} "
        "with a warning",
        file=sys.stderr,
    )


def one(predictor: "Predictor", args: argparse.Namespace) -> None:
    """Predict one product and print it."""
    import pandas as pd

    from aisle.deployment.predictor import as_json
    from aisle.evaluation.category_thresholds import category_thresholds

    row = {name: getattr(args, name) for name in RAW if getattr(args, name)}
    if "image" not in row and predictor.package.modalities == ["image"]:
        raise AisleError(
            f"{predictor.package.title} reads the picture only, and none is given: add --image, or choose "
            "a model that reads text"
        )
    if set(row) == {"image"} and predictor.package.modalities == ["text"]:
        raise AisleError(
            f"{predictor.package.title} reads text only, and none is given: add --title, or choose a model "
            "that reads pictures"
        )
    result = as_json(predictor.predict(pd.DataFrame([row])))[0]
    if result["warning"]:
        print(f"warning: {result['warning']}", file=sys.stderr)
    if args.json:
        print(json.dumps(result, ensure_ascii=False, indent=2))
        return
    decision = predictor.package.decision
    says = {True: "yes", False: "no"}[result["send_to_person"]]
    if decision.get("threshold") is not None:
        says += (
            f" ({'lowest ' if category_thresholds(decision) else ''}threshold {decision['threshold']:.3f}: "
            f"at most {decision['guaranteed_bound']:.2%} wrong, "
            f"{decision['confidence']:.0%} confidence)"
        )
    print(f"category        {result['category']}  {result['probability']:.3f}")
    for place, other in enumerate(result["top3"][1:], 2):
        print(f"{place}.              {other['category']}  {other['probability']:.3f}")
    print(f"send to person  {says}")
    print(
        f"used            {', '.join(kind for kind, there in result['used'].items() if there) or 'nothing'}"
    )
    package = predictor.package
    print(f"model           {package.title}; learned from {package.catalogue}", end="")
    print("; UNTRAINED weights: the result means nothing" if package.weights == "untrained" else "")


def main() -> None:
    """Read the command line, predict, print or write."""
    arguments = parser()
    args = arguments.parse_args()
    single = [args.title, args.description, args.specifications, args.image]
    if bool(args.input) == any(each is not None for each in single):
        arguments.error("give either one product (--title, --image, ...) or --input, a table of them")
    if args.input and not (args.output or args.json):
        arguments.error("--input needs --output, or --json")
    if not args.input and (args.output or args.images):
        arguments.error("--output and --images go with --input")
    if not args.input and not any(each and each.strip() for each in single):
        arguments.error("--title, --description, --specifications or --image must not all be empty")
    if args.input and is_pattern(args.input):
        if not args.output or args.json or args.encoding or args.delimiter or args.quote is not None:
            arguments.error("shards need --output, and take no --json, --encoding, --delimiter or --quote")
        if args.workers is not None and args.workers < 1:
            arguments.error("--workers must be at least 1")
        shards(packaging.find(args.model), args)
        return
    if args.workers is not None or args.engine:
        arguments.error("--workers and --engine go with shards: an --input with wildcards, or an address")
    if args.output:
        atomic.check_place(args.output, "--output")
    folder = packaging.find(args.model)

    from aisle.deployment.predictor import (
        Predictor,  # pandas takes a while; a wrong command line is told at once
    )

    (many if args.input else one)(Predictor(folder), args)


if __name__ == "__main__":
    cli.run(main)
