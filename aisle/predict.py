"""Predict the category of products from their raw title, description, specifications and picture.

One product:

  python -m aisle.predict --model champion --title "Wall clock" --image clock.jpg

Many, from a CSV with any of the columns title, description, specifications, image (others are kept):

  python -m aisle.predict --model champion --input products.csv --output predictions.csv

Each gets a category with its probability, the three most probable ones, and whether to send it to a person:
the probability is below the threshold that kept the share of wrong automatic decisions at the target error.
A picture that cannot be read costs a warning, and the product is predicted from its text.
The model is a package (aisle/packaging.py): a folder that needs nothing but the installed aisle.
"""

import argparse
import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from aisle import cli, packaging
from aisle.errors import AisleError, some
from aisle.packaging import RAW

if TYPE_CHECKING:
    import pandas as pd

    from aisle.predictor import Predictor


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
    many.add_argument("--input", metavar="CSV", help="products, one row each (UTF-8)")
    many.add_argument("--images", metavar="FOLDER", help="of the pictures (default: where the CSV is)")
    many.add_argument("--output", metavar="CSV", help="the input's columns, then the predictions'")
    result.add_argument("--json", action="store_true", help="print JSON, with every category's probability")
    return result


def read_products(path: Path) -> "pd.DataFrame":
    """Read a CSV of raw products; every column is text.

    Raises
    ------
    AisleError
        If it is missing, no CSV, or has none of the columns.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except FileNotFoundError:
        raise AisleError(f"{path} must be a CSV of products; there is no such file") from None
    except (ValueError, UnicodeDecodeError) as error:  # pandas' parser errors are ValueErrors
        raise AisleError(f"{path} must be a CSV of products, in UTF-8: {error}") from None
    if not set(RAW) & set(table.columns):
        raise AisleError(
            f"{path} must have some of the columns {some(RAW)}; it has {some(table.columns, 20)}"
        )
    return table


def many(predictor: "Predictor", args: argparse.Namespace) -> None:
    """Predict the products of a CSV."""
    import pandas as pd
    from tqdm import tqdm

    from aisle.predictor import as_json

    source = Path(args.input)
    products = read_products(source)
    folder = Path(args.images) if args.images else source.parent
    if not folder.is_dir():
        raise AisleError(f"--images must be a folder; {folder} is not")
    bar = partial(tqdm, desc="products", unit="batch", disable=None)
    table = predictor.predict(products, folder, bar) if len(products) else pd.DataFrame()
    if twice := sorted({*products.columns} & {*table.columns}):
        raise AisleError(f"{source} must not have columns of the predictions; rename {some(twice)}")
    if args.output:
        Path(args.output).parent.mkdir(parents=True, exist_ok=True)
        rows = pd.concat([products, table], axis=1)
        rows.to_csv(args.output, index=False, float_format="%.10g", lineterminator="\n")
    if args.json:
        print(json.dumps(as_json(table) if len(table) else [], ensure_ascii=False, indent=2))
    if len(table):
        warned = table["warning"].loc[table["warning"] != ""]
        for row, warning in warned.head(5).items():
            print(f"warning: product {int(str(row)) + 1}: {warning}", file=sys.stderr)
        if len(warned) > 5:
            print(f"warning: and {len(warned) - 5} more, see the column `warning`", file=sys.stderr)
    waiting = int(table["send_to_person"].sum()) if len(table) else 0
    print(f"{len(products)} products predicted, {waiting} of them to send to a person", file=sys.stderr)


def one(predictor: "Predictor", args: argparse.Namespace) -> None:
    """Predict one product and print it."""
    import pandas as pd

    from aisle.predictor import as_json

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
        says += f" (threshold {decision['threshold']:.3f}, target error {decision['target_error']:.1%})"
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
        arguments.error("give either one product (--title, --image, ...) or --input, a CSV of them")
    if args.input and not (args.output or args.json):
        arguments.error("--input needs --output, or --json")
    if not args.input and (args.output or args.images):
        arguments.error("--output and --images go with --input")
    if not args.input and not any(each and each.strip() for each in single):
        arguments.error("--title, --description, --specifications or --image must not all be empty")
    folder = packaging.find(args.model)

    from aisle.predictor import Predictor  # pandas takes a while; a wrong command line is told at once

    (many if args.input else one)(Predictor(folder), args)


if __name__ == "__main__":
    cli.run(main)
