"""Write the built-in stream: weeks of the sample's shop with planted changes, reviews and experiments.

The folder holds ``products.csv`` (the sample's columns and ``date``, without categories), ``images/*.jpg``,
``reviews.csv`` (what people said each product is), ``traffic.csv`` (who had which arm of an experiment, and
what followed) and ``planted.json``, what was planted in which week. Every run writes the same bytes (for one
version of Pillow). The products are made by the sample catalogue's own grammar and shapes, so that a week
without a change is drawn as the catalogue is.
"""

import argparse
import csv
import io
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from PIL import Image, ImageFilter

from aisle.monitoring.experiments.split import assign
from aisle.pipeline.params import read_yaml
from tools.make_sample_catalogue import COLUMNS, Product, Vocabulary, encode, make_product, to_row

SEED = "aisle-stream-1"
ID_PREFIX = "aisle-stream-"
BLUR = 3.0  # pixels, of pictures of 160 to 320
HERE = Path(__file__).parent


def read_vocabulary() -> tuple[Vocabulary, dict[str, Any]]:
    """Return the sample's vocabulary with the new kind of product, and what the stream is to hold."""
    vocabulary: Vocabulary = read_yaml(HERE / "sample_catalogue.yaml")
    stream = read_yaml(HERE / "sample_stream.yaml")
    vocabulary["shapes"] |= stream["shapes"]
    vocabulary["categories"] |= stream["categories"]
    return vocabulary, stream


def blurred(jpeg: bytes) -> bytes:
    """Return a picture out of focus."""
    with Image.open(io.BytesIO(jpeg)) as picture:
        return encode(picture.filter(ImageFilter.GaussianBlur(BLUR)))


def changed(product: Product, change: str, lucky: bool, stream: dict[str, Any]) -> Product:
    """Return a product as its week has it; `lucky`: it is one of the share that the change meets."""
    if change == "blurred_and_bare" and lucky:
        return replace(product, jpeg=blurred(product.jpeg), description="")
    if change == "template":
        words = product.title.split()
        title = f"Nordwind: {' '.join(reversed(words))}"
        return replace(product, title=title, description=" ".join([*stream["template"], product.description]))
    return product


def make_week(vocabulary: Vocabulary, stream: dict[str, Any], number: int) -> list[Product]:
    """Return the products of a week, in the order of their arrival."""
    week, rng = stream["weeks"][number], random.Random(f"{SEED}/week/{number}")
    new = [*stream["categories"]]
    known = [name for name in vocabulary["categories"] if name not in new]
    weights = [week.get("weights", {}).get(name, 1) for name in known]
    change, products = week.get("change", ""), []
    for place in range(stream["per_week"]):
        lucky = place < round(week.get("share", 0) * stream["per_week"])
        category = rng.choices(known, weights)[0]
        if change == "new_kind" and lucky:
            category = rng.choice(new)
        level = rng.choice([*vocabulary["categories"][category]["levels"]])
        product = make_product(vocabulary, category, level, f"{SEED}/{number}/{place}", False)
        products.append(changed(product, change, lucky, stream))
    rng.shuffle(products)
    return products


def make_traffic(stream: dict[str, Any], first: date, days: int) -> list[dict[str, Any]]:
    """Return what was seen of each unit of the experiments, by time."""
    rows = []
    for name, each in stream["traffic"].items():
        rng = random.Random(f"{SEED}/{name}")
        for number in range(each["units"]):
            unit = f"group-{number:05d}"
            arm, day = assign(unit, name, each["shares"]), first + timedelta(rng.randrange(days))
            success, lost = rng.random() < each["rates"][arm], rng.random() < each["lost"].get(arm, 0)
            if not lost:
                row = {"experiment": name, "at": day.isoformat(), "unit": unit, "arm": arm}
                rows.append({**row, "success": int(success)})
    return sorted(rows, key=lambda row: (row["at"], row["experiment"], row["unit"]))


def write_table(path: Path, columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    """Write a CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_stream(output: Path) -> None:
    """Write the stream into a folder; the pictures of an earlier run in it are replaced."""
    vocabulary, stream = read_vocabulary()
    first = date.fromisoformat(str(stream["first_day"]))
    images = output / "images"
    images.mkdir(parents=True, exist_ok=True)
    for old in images.glob(f"{ID_PREFIX}*.jpg"):
        old.unlink()
    rows, reviews = [], []
    rng = random.Random(f"{SEED}/reviews")
    for number in range(len(stream["weeks"])):
        for place, product in enumerate(make_week(vocabulary, stream, number)):
            identifier = f"{ID_PREFIX}{number + 1}{place + 1:03d}"
            day = first + timedelta(weeks=number, days=place * 7 // stream["per_week"])
            rows.append({**to_row(product, identifier), "date": day.isoformat()})
            (images / f"{identifier}.jpg").write_bytes(product.jpeg)
            strategy = "random" if rng.random() < stream["review_share"] else "asked"
            review = {"product_id": identifier, "category": product.category, "strategy": strategy}
            reviews.append({**review, "ended": (day + timedelta(days=2)).isoformat()})
    columns = [name for name in COLUMNS if name != "category_path"] + ["date"]
    write_table(output / "products.csv", columns, [{name: row[name] for name in columns} for row in rows])
    write_table(output / "reviews.csv", ["product_id", "category", "strategy", "ended"], reviews)
    traffic = make_traffic(stream, first, 7 * len(stream["weeks"]))
    write_table(output / "traffic.csv", ["experiment", "at", "unit", "arm", "success"], traffic)
    planted = {
        (first + timedelta(weeks=number)).isoformat(): week.get("change", "nothing")
        for number, week in enumerate(stream["weeks"])
    }
    text = json.dumps({"weeks": planted, "traffic": stream["traffic"]}, indent=1)
    (output / "planted.json").write_text(text + "\n", encoding="utf-8", newline="\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and write the stream."""
    parser = argparse.ArgumentParser(description="Write the built-in stream (same bytes each time).")
    parser.add_argument(
        "--output", type=Path, default=Path("data/sample_stream"), help="folder to write (data/sample_stream)"
    )
    write_stream(parser.parse_args(arguments).output)


if __name__ == "__main__":
    main()
