"""Write the built-in sample catalogue: an invented shop's products with drawn pictures and planted defects.

The folder holds ``products.csv``, ``images/*.jpg`` and ``planted.json``, the list of every planted defect.
Every run writes the same bytes (for one version of Pillow and its JPEG encoder). The texts come from a small
grammar over ``sample_catalogue.yaml``; the pictures are drawn from geometric shapes, one family of shapes for
each second level of the category tree.
"""

import argparse
import csv
import io
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageFilter, ImageOps

from aisle.pipeline.params import read_yaml

SEED = "aisle-7"
ID_PREFIX = "aisle-sample-"
COLUMNS = ["id", "title", "category_path", "description", "brand", "price", "image", "specifications"]
PER_CATEGORY = 30
SCALE = 2  # supersampling factor of the drawings
QUALITY = 84
BACKGROUNDS = ["white", "gradient", "grain", "wood", "tiles", "table", "clutter"]
BACKGROUND_HABIT = 0.72  # share of a category's pictures on its habitual background
COLOUR_HABIT = 0.8  # share of its pictures in its habitual colours
VAGUE = 0.06  # share of the texts without a noun of their category
STRAY = 0.02  # share of the texts with the noun of another category
BARE_TITLE = 0.16  # share of the other titles without a noun

# Near-duplicate groups: top category -> (number of products, shared text, shared picture). A group takes the
# first products of its category.
GROUPS = {
    "Kitchen": (2, True, False),
    "Bath": (3, True, False),
    "Toys": (2, True, True),
    "Garden": (4, True, False),
    "Lighting": (3, True, True),
    "Stationery": (2, True, False),
    "Sports": (2, False, True),
}
# The last product of each of these categories is filed under the next one, the fifth under the first.
MISLABELLED = ["Kitchen", "Toys", "Lighting", "Sports", "Bath"]
DEFECTS = {
    ("Stationery", 20): "missing_picture",
    ("Garden", 20): "truncated_picture",
    ("Toys", 21): "duplicate_id",
}

Colour = tuple[int, int, int]
Vocabulary = dict[str, Any]


@dataclass(frozen=True)
class Product:
    """One product: what it shows, the category it is filed under, its texts and its picture."""

    category: str
    filed_under: tuple[str, str]
    title: str
    description: str
    brand: str
    price: str
    specifications: str
    colour: str
    jpeg: bytes
    group: str = ""
    defect: str = ""


# --- pictures -----------------------------------------------------------------------------------------------


def shade(colour: Colour, factor: float) -> Colour:
    """Return the colour made darker (factor < 1) or lighter (factor > 1)."""
    red, green, blue = (min(255, int(channel * factor)) for channel in colour)
    return red, green, blue


def draw_shape(
    rng: random.Random, lines: Sequence[str], colours: dict[str, Colour], side: int
) -> Image.Image:
    """Return a transparent square tile with a shape; ``sample_catalogue.yaml`` tells the notation."""
    tile = Image.new("RGBA", (side, side))
    draw = ImageDraw.Draw(tile)
    stretch = (rng.uniform(0.8, 1), rng.uniform(0.8, 1))
    for line in lines:
        body, _, repeat = line.partition("|")
        if body.startswith("?") and rng.random() < 0.4:
            continue
        kind, colour, *words = body.strip("? ").split()
        name, _, factor = colour.partition("*")
        fill = shade(colours.get(name) or ImageColor.getrgb(name)[:3], float(factor or 1))
        numbers = [float(word) for word in words]
        extra = round(numbers.pop() * side) if len(numbers) % 2 else 0
        count, *step = [float(word) for word in repeat.split()] or [1.0, 0.0, 0.0]
        for i in range(int(count)):
            scaled = [
                ((v + i * step[k % 2] - 0.5) * stretch[k % 2] + 0.5) * side for k, v in enumerate(numbers)
            ]
            if kind == "poly":
                draw.polygon(scaled, fill)
            elif kind == "line":
                draw.line(scaled, fill, max(1, extra), joint="curve")
            elif kind == "ring":
                draw.ellipse(scaled, outline=fill, width=max(1, extra))
            elif kind == "oval":
                draw.ellipse(scaled, fill)
            else:
                draw.rounded_rectangle(scaled, extra, fill)
    return tile


def make_background(rng: random.Random, size: tuple[int, int], kind: str, tint: Colour) -> Image.Image:
    """Return a background: white, gradient, grain, wood, tiles, table or clutter."""
    width, height = size
    if kind == "white":
        return Image.new("RGB", size, (252, 252, 252))
    pale = np.array([255 - (255 - channel) * rng.uniform(0.2, 0.6) for channel in tint])
    ramp = np.linspace(rng.uniform(0.75, 0.95), 1.05, height)[:, None, None]
    field = np.broadcast_to(pale * ramp, (height, width, 3)).copy()
    if kind in ("grain", "wood"):
        noise = np.random.default_rng(rng.getrandbits(32))
        cells = (
            height // SCALE // rng.choice([1, 2, 4]) + 1,
            width // SCALE // (2 if kind == "grain" else 80) + 1,
        )
        sheet = Image.fromarray((noise.random(cells) * 255).astype(np.uint8)).resize(
            size, Image.Resampling.BILINEAR
        )
        field += (np.asarray(sheet, dtype=float)[:, :, None] - 128) * rng.uniform(0.15, 0.4)
    elif kind == "tiles":
        step = int(max(size) * rng.uniform(0.12, 0.25))
        field[np.arange(height) % step < step // 14] *= 0.8
        field[:, np.arange(width) % step < step // 14] *= 0.8
    elif kind == "table":
        field[int(height * rng.uniform(0.5, 0.8)) :] *= rng.uniform(0.55, 0.8)
    background = Image.fromarray(np.clip(field, 0, 255).astype(np.uint8))
    if kind == "clutter":
        draw = ImageDraw.Draw(background)
        for _ in range(rng.randint(6, 14)):
            x, y, r = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.05, 0.2) * max(size)
            fill = (rng.randint(60, 240), rng.randint(60, 240), rng.randint(60, 240))
            figure = draw.ellipse if rng.random() < 0.5 else draw.rectangle
            figure([x - r, y - r * rng.uniform(0.4, 1), x + r, y + r * rng.uniform(0.4, 1)], fill=fill)
        background = background.filter(ImageFilter.GaussianBlur(rng.uniform(2, 8) * SCALE))
    return background


def paste_object(canvas: Image.Image, rng: random.Random, tile: Image.Image, tilt: float) -> None:
    """Paste a drawn object with light and shadow at a random place of the canvas."""
    side = tile.width
    light = Image.linear_gradient("L").rotate(rng.choice([0, 90, 270])).resize(tile.size)
    light = light.point(lambda value: 175 + value * 80 // 255)
    lit = ImageChops.multiply(tile, Image.merge("RGBA", [light] * 3 + [Image.new("L", tile.size, 255)]))
    if rng.random() < 0.5:
        lit = ImageOps.mirror(lit)
    lit = lit.rotate(tilt, Image.Resampling.BICUBIC, expand=True)
    x, y = (int((room - used) * rng.random()) for room, used in zip(canvas.size, lit.size, strict=True))
    shadow = (
        lit.getchannel("A").filter(ImageFilter.GaussianBlur(side * 0.03)).point(lambda value: value * 2 // 5)
    )
    canvas.paste((40, 40, 48), (x + side // 40, y + side // 25), shadow)
    canvas.paste(lit, (x, y), lit)


def draw_picture(
    rng: random.Random, vocabulary: Vocabulary, category: str, shape: str, colour: str, clear: bool
) -> Image.Image:
    """Return the picture of one product; a ``clear`` one never hides the product in a carton."""
    palette: dict[str, Colour] = {name: (r, g, b) for name, (r, g, b) in vocabulary["colours"].items()}
    entry = vocabulary["categories"][category]
    longest, ratio = rng.randint(160, 320), rng.choice([0.65, 0.75, 0.8, 1.0, 1.0, 1.25, 1.4])
    size = (longest, int(longest * ratio)) if ratio <= 1 else (int(longest / ratio), longest)
    large = (size[0] * SCALE, size[1] * SCALE)
    kind = entry["background"] if rng.random() < BACKGROUND_HABIT else rng.choice(BACKGROUNDS)
    tint = rng.choice(entry["colours"] if rng.random() < COLOUR_HABIT else list(palette))
    canvas = make_background(rng, large, kind, palette[tint])
    shapes = vocabulary["shapes"]
    if rng.random() < 0.12:  # another thing lies beside it
        first, second = rng.sample(list(palette.values()), 2)
        prop = draw_shape(rng, shapes[rng.choice(list(shapes))], {"a": first, "b": second}, min(large) // 3)
        paste_object(canvas, rng, prop, rng.uniform(-40, 40))
    if rng.random() < 0.04 and not clear:
        shape = "carton"
    red, green, blue = (max(0, min(255, channel + rng.randint(-22, 22))) for channel in palette[colour])
    colours = {"a": (red, green, blue), "b": palette[rng.choice(list(palette))]}
    tile = draw_shape(rng, shapes[shape], colours, int(min(large) * rng.uniform(0.7, 0.98)))
    paste_object(
        canvas, rng, tile, rng.choice([0.0, rng.uniform(-8, 8), rng.uniform(-8, 8), rng.uniform(-40, 40)])
    )
    return canvas.resize(size, Image.Resampling.LANCZOS)


def encode(picture: Image.Image, quality: int = QUALITY) -> bytes:
    """Return the picture as JPEG without metadata."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality, subsampling=2)
    return buffer.getvalue()


# --- texts --------------------------------------------------------------------------------------------------


def make_slots(rng: random.Random, vocabulary: Vocabulary, category: str, colour: str) -> dict[str, str]:
    """Return a value for every slot of the sentence patterns, but for the noun and the title."""
    others = [name for name in vocabulary["categories"] if name != category]
    nouns = [
        n
        for name in others
        for level in vocabulary["categories"][name]["levels"].values()
        for n in level["nouns"]
    ]
    return {
        "adjective": rng.choice(vocabulary["adjectives"]),
        "material": rng.choice(vocabulary["materials"]),
        "brand": rng.choice(vocabulary["brands"]),
        "colour": colour,
        "size": str(rng.randint(11, 89)),
        "width": str(rng.randint(3, 60)),
        "weight": str(rng.randint(90, 980)),
        "months": str(rng.choice([3, 6, 12, 24])),
        "count": str(rng.randint(1, 6)),
        "other_top": rng.choice(others).lower(),
        "other_noun": rng.choice(nouns),
        "other_noun2": rng.choice(nouns),
    }


def decorate(rng: random.Random, sentences: Sequence[str]) -> str:
    """Join sentences the way careless sellers do: with tags, entities, capitals and odd punctuation."""
    parts = list(sentences)
    if rng.random() < 0.2:
        index = rng.randrange(len(parts))
        parts[index] = parts[index].upper()
    style = rng.random()
    if style < 0.12:
        return "<p>" + "</p><p>".join(parts) + "</p>"
    if style < 0.24:
        return f"<b>{parts[0]}</b><br/>" + " &bull; ".join(parts[1:])
    joiner = rng.choice([" ", " ", " ", "  ", " - ", " ~ ", " ... ", "&nbsp; "])
    return joiner.join(parts) + rng.choice(["", "", "", "!!", " ;-)", " *T&amp;C apply"])


def compose(
    rng: random.Random, vocabulary: Vocabulary, level: dict[str, Any], slots: dict[str, str], clear: bool
) -> tuple[str, str]:
    """Return the title and the description of one product.

    Some products are vague (no word of their category but one feature), some lack the noun in the title, some
    mention another category's noun; ``clear`` products have none of this.
    """
    mood = 1.0 if clear else rng.random()
    vague, stray = mood < VAGUE, VAGUE <= mood < VAGUE + STRAY
    noun = rng.choice(vocabulary["vague_nouns"] if vague else level["nouns"])
    noun = slots["other_noun"] if stray else noun
    shown = rng.choice(vocabulary["vague_nouns"]) if not clear and rng.random() < BARE_TITLE else noun
    quality = rng.choice([slots["material"], slots["colour"]])
    words = [slots["brand"], slots["adjective"], quality, shown.title()]
    suffix = rng.choice(["", f" (Pack of {slots['count']})", f" {slots['size']} cm"])
    slots = {**slots, "noun": noun, "title": " ".join(words[rng.randint(0, 1) :]) + suffix}
    body = rng.sample(level["features"], rng.choice([0, 1] if vague else [1, 2, 2, 3]))
    body += rng.sample(vocabulary["shared"], rng.randint(1, 3))
    if not clear and rng.random() < 0.3:
        body.append(rng.choice(vocabulary["cross"]))
    rng.shuffle(body)
    sentences = [sentence.format(**slots) for sentence in [rng.choice(vocabulary["openings"]), *body]]
    spare = [sentence.format(**slots) for sentence in vocabulary["shared"]]
    rng.shuffle(spare)
    while len(" ".join(sentences).split()) < (45 if clear else 24):
        if (extra := spare.pop()) not in sentences:
            sentences.insert(rng.randint(1, len(sentences)), extra)
    if rng.random() < 0.35 and len(" ".join(sentences).split()) < 50:
        sentences.append(rng.choice(vocabulary["boilerplate"]).format(**slots))
    return slots["title"], decorate(rng, sentences)


def make_specifications(rng: random.Random, vocabulary: Vocabulary, slots: dict[str, str]) -> str:
    """Return specifications in the Ruby notation of the study's catalogue."""
    fate = rng.random()
    if fate < 0.1:
        return ""
    if fate < 0.18:
        return '{"product_specification"=>nil}'
    keys = rng.sample(list(vocabulary["specification_keys"]), rng.randint(1, 5))
    values = [rng.choice(vocabulary["specification_keys"][key]).format(**slots) for key in keys]
    items = [f'{{"key"=>"{key}", "value"=>"{value}"}}' for key, value in zip(keys, values, strict=True)]
    if rng.random() < 0.3:
        items.append(f'{{"value"=>"{rng.choice(vocabulary["shared"]).format(**slots)}"}}')
    return f'{{"product_specification"=>[{", ".join(items)}]}}'


# --- catalogue ----------------------------------------------------------------------------------------------


def make_product(vocabulary: Vocabulary, category: str, level: str, name: str, clear: bool) -> Product:
    """Return one product; its text and its picture depend on ``name`` and on nothing drawn before."""
    rng = random.Random(f"{SEED}/{name}")
    entry = vocabulary["categories"][category]["levels"][level]
    liked = vocabulary["categories"][category]["colours"]
    colour = rng.choice(liked if rng.random() < COLOUR_HABIT else list(vocabulary["colours"]))
    slots = make_slots(rng, vocabulary, category, colour)
    title, description = compose(rng, vocabulary, entry, slots, clear)
    brand = "" if rng.random() < 0.33 else slots["brand"]
    price = "" if rng.random() < 0.03 else f"{rng.lognormvariate(6.2, 0.8):.2f}"
    specifications = make_specifications(rng, vocabulary, slots)
    jpeg = encode(draw_picture(rng, vocabulary, category, entry["shape"], colour, clear))
    path = (category, level)
    return Product(category, path, title, description, brand, price, specifications, colour, jpeg)


def make_variant(base: Product, other: Product, number: int) -> Product:
    """Return ``other`` with the text or the picture (or both) of ``base``, changed a little."""
    _, same_text, same_picture = GROUPS[base.category]
    changed = other
    if same_text:
        description = base.description.replace(base.colour, other.colour, 1) + f" (Variant {number})"
        changed = replace(changed, title=f"{base.title} - {other.colour}", description=description)
    if same_picture:
        with Image.open(io.BytesIO(base.jpeg)) as picture:
            width, height = (round(side * (1 - 0.04 * number)) for side in picture.size)
            smaller = picture.resize((width, height), Image.Resampling.LANCZOS)
        changed = replace(changed, jpeg=encode(smaller, QUALITY - 6 * number))
    return changed


def make_products(vocabulary: Vocabulary) -> list[Product]:
    """Return the products in the order of their categories, with groups, wrong labels and picture defects."""
    products: list[Product] = []
    for category, entry in vocabulary["categories"].items():
        levels, size, first = list(entry["levels"]), GROUPS[category][0], len(products)
        for index in range(PER_CATEGORY):
            in_group = index < size
            wrong = index == PER_CATEGORY - 1 and category in MISLABELLED
            level = levels[0 if in_group else index % len(levels)]
            product = make_product(vocabulary, category, level, f"{category}/{index}", in_group or wrong)
            if in_group and index > 0:
                product = make_variant(products[first], product, index)
            if in_group:
                product = replace(product, group=category)
            if wrong:
                target = MISLABELLED[(MISLABELLED.index(category) + 1) % len(MISLABELLED)]
                product = replace(
                    product, filed_under=(target, next(iter(vocabulary["categories"][target]["levels"])))
                )
            defect = DEFECTS.get((category, index), "")
            if defect == "missing_picture":
                product = replace(product, jpeg=b"")
            if defect == "truncated_picture":
                product = replace(product, jpeg=product.jpeg[: len(product.jpeg) * 2 // 5])
            products.append(replace(product, defect=defect))
    return products


def to_row(product: Product, identifier: str) -> dict[str, str]:
    """Return the CSV row of a product."""
    return {
        "id": identifier,
        "title": product.title,
        "category_path": json.dumps([" >> ".join(product.filed_under)]),
        "description": product.description,
        "brand": product.brand,
        "price": product.price,
        "image": f"{identifier}.jpg",
        "specifications": product.specifications,
    }


def write_catalogue(output: Path) -> None:
    """Write ``products.csv``, ``images/`` and ``planted.json`` into a folder.

    Parameters
    ----------
    output : Path
        The folder; it is made if it is missing, and the pictures of an earlier run in it are replaced.
    """
    vocabulary: Vocabulary = read_yaml(Path(__file__).with_name("sample_catalogue.yaml"))
    rng = random.Random(SEED)
    products = make_products(vocabulary)
    rng.shuffle(products)
    rows = [to_row(product, f"{ID_PREFIX}{number:04d}") for number, product in enumerate(products, 1)]
    named = {row["id"]: product for row, product in zip(rows, products, strict=True)}

    twin = next(row for row in rows if named[row["id"]].defect == "duplicate_id")
    refused = [{**twin, "title": twin["title"] + " New", "price": "499.00"}]
    nothing = dict.fromkeys(("title", "description", "image", "specifications"), "")
    for number, change in enumerate((nothing, {"category_path": '[" >> Cookware"]'}), len(rows) + 1):
        extra = make_product(vocabulary, "Kitchen", "Cookware", f"refused/{number}", True)
        row = to_row(extra, f"{ID_PREFIX}{number:04d}")
        named[row["id"]] = extra
        refused.append({**row, **change})
    rows.insert(rng.randint(rows.index(twin) + 1, len(rows)), refused[0])
    for row in refused[1:]:
        rows.insert(rng.randint(0, len(rows)), row)
    lines = [rows.index(row) + 2 for row in refused]  # the header is line 1

    def with_defect(defect: str) -> list[str]:
        return [identifier for identifier, product in named.items() if product.defect == defect]

    groups = {key: [i for i, product in named.items() if product.group == key] for key in GROUPS}
    planted = {
        "near_duplicate_groups": list(groups.values()),
        "near_duplicate_texts": [groups[key] for key in GROUPS if GROUPS[key][1]],
        "near_duplicate_pictures": [groups[key] for key in GROUPS if GROUPS[key][2]],
        "wrong_labels": {i: p.category for i, p in named.items() if p.category != p.filed_under[0]},
        "missing_picture": with_defect("missing_picture"),
        "truncated_picture": with_defect("truncated_picture"),
        "duplicate_id": with_defect("duplicate_id"),
        "duplicate_id_lines": lines[:1],
        "empty_product": lines[1:2],
        "bad_category_path": lines[2:],
        "expected_products": len(products),
        "expected_refused": len(refused),
    }

    images = output / "images"
    images.mkdir(parents=True, exist_ok=True)
    for old in images.glob(f"{ID_PREFIX}*.jpg"):
        old.unlink()
    for identifier, product in named.items():
        if product.jpeg:
            (images / f"{identifier}.jpg").write_bytes(product.jpeg)
    with (output / "products.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    (output / "planted.json").write_text(json.dumps(planted, indent=1) + "\n", encoding="utf-8", newline="\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and write the catalogue."""
    parser = argparse.ArgumentParser(
        description="Write the built-in sample catalogue (same bytes each time)."
    )
    parser.add_argument(
        "--output", type=Path, default=Path("data/sample"), help="folder to write (data/sample)"
    )
    write_catalogue(parser.parse_args(arguments).output)


if __name__ == "__main__":
    main()
