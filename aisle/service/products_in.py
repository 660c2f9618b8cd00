"""Read the products of a request: JSON with pictures in base64, or multipart with pictures as files."""

import base64
import binascii
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from io import BytesIO
from math import inf
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json
from python_multipart.exceptions import FormParserError
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from aisle.deployment.packaging import RAW, Package
from aisle.service.problems import RefusalError, sentence
from aisle.service.schemas import LONGEST_TEXT, LONGEST_TITLE, Product, Products
from aisle.service.settings import Limits

JSON, MULTIPART = "application/json", "multipart/form-data"
_ONE, _SEVERAL = TypeAdapter(Product), TypeAdapter(Products)
_DATA = "data:image/"
_IMAGE, _PRODUCTS = "image", "products"


@dataclass(frozen=True)
class Asked:
    """The products of a request.

    Attributes
    ----------
    ids
        The shop's keys, None where it gave none.
    products
        As `ServedModel.answers` reads them.
    """

    ids: list[str | None]
    products: list[dict[str, Any]]


def media_type(headers: Mapping[str, str]) -> str:
    """Return what a request says that its body is, in lower case, without parameters."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def read_json(body: bytes, limits: Limits, package: Package) -> Asked:
    """Read one product, or several as `products`.

    Raises
    ------
    RefusalError
        413 or 422, of the first thing that is wrong.
    """
    return _asked(_parse(body, limits, "the body"), {}, limits, package)


def _parse(body: bytes | str, limits: Limits, what: str) -> list[Product]:
    """Return the products of JSON; nothing is made of it before their number is known."""
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise RefusalError(422, f"{what} must be JSON: {error}") from None
    several = isinstance(value, dict) and _PRODUCTS in value
    if several and isinstance(value[_PRODUCTS], list) and len(value[_PRODUCTS]) > limits.products:
        raise RefusalError(
            413,
            f"a request must have at most {limits.products} products; it has {len(value[_PRODUCTS])}. "
            "Send several, or a file to /v1/classify/file",
        )
    try:
        if several:
            return _SEVERAL.validate_python(value).products
        return [_ONE.validate_python(value)]
    except ValidationError as error:
        raise RefusalError(422, sentence(error, what)) from None


@dataclass(frozen=True)
class Form:
    """A multipart form: its fields, and the files of each name."""

    fields: dict[str, str]
    files: dict[str, list[bytes]]


async def read_multipart(body: bytes, headers: Headers, limits: Limits) -> Form:
    """Read a form.

    Raises
    ------
    RefusalError
        400 if it is none, 422 if a field is there twice.
    """

    async def once() -> AsyncGenerator[bytes, None]:
        yield body

    most = limits.products * limits.pictures
    parser = MultiPartParser(headers, once(), max_files=most, max_fields=8, max_part_size=limits.body)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise RefusalError(400, f"the body must be multipart/form-data: {error.message}") from None
    except (FormParserError, LookupError, ValueError) as error:
        told = f"the body must be multipart/form-data, with its boundary ({type(error).__name__})"
        raise RefusalError(400, told) from None
    found = Form({}, {})
    try:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile) and name != _PRODUCTS:
                found.files.setdefault(name, []).append(await value.read())
                continue
            if name in found.fields:
                raise RefusalError(422, "each field of the form must be there once; one is there twice")
            text = value if isinstance(value, str) else (await value.read()).decode("utf-8", "replace")
            found.fields[name] = text
    finally:
        await form.close()
    return found


def of_form(form: Form, limits: Limits, package: Package) -> Asked:
    """Return one product of fields and pictures, or several: a part `products` of JSON, and their pictures.

    Raises
    ------
    RefusalError
        413 or 422, of the first thing that is wrong.
    """
    fields, files = form.fields, form.files
    if not fields and not files:
        raise RefusalError(422, "a form must have a field or a picture of a product; it has none")
    if _PRODUCTS in fields:
        if len(fields) > 1:
            told = "a form must have either the part products or the fields of one product; it has both"
            raise RefusalError(422, told)
        return _asked(_parse(fields[_PRODUCTS], limits, "the part products"), files, limits, package)
    try:
        product = Product.model_validate({name: value.strip() or None for name, value in fields.items()})
    except ValidationError as error:
        raise RefusalError(422, sentence(error, "the form")) from None
    if product.image or product.image_parts:
        raise RefusalError(422, "the form's image must be a file, with a file name")
    if other := [name for name in files if name != _IMAGE]:
        raise RefusalError(422, f"a file of the form must be called image; {len(other)} are not")
    named = product.model_copy(update={"image_parts": [_IMAGE] if files else None})
    return _asked([named], files, limits, package)


def _asked(found: list[Product], files: Mapping[str, list[bytes]], limits: Limits, package: Package) -> Asked:
    products = []
    for place, each in enumerate(found):
        where = f"products[{place}]"
        pictures = [*_decoded(each, where), *_named(each, files, where)]
        facts: dict[str, Any] = {name: getattr(each, name) for name in RAW}
        facts["specifications"] = each.specification_text()
        facts[_IMAGE] = pictures[0] if len(pictures) == 1 else pictures or None
        check_product(facts, where, limits, package)
        products.append(facts)
    return Asked([each.id for each in found], products)


def check_product(product: Mapping[str, Any], where: str, limits: Limits, package: Package) -> None:
    """See that a product, however it came here, is no more than the model's thread can read in time.

    Raises
    ------
    RefusalError
        422, of a text that is too long, too many pictures, or one that is too large.
    """
    for name, value in product.items():
        most = LONGEST_TITLE if name == "title" else LONGEST_TEXT
        if isinstance(value, str) and name != _IMAGE and len(value) > most:
            raise RefusalError(
                422, f"{where}.{name} must have at most {most} characters; it has {len(value)}"
            )
    image = product.get(_IMAGE)
    pictures = [each for each in (image if isinstance(image, list) else [image]) if isinstance(each, bytes)]
    if len(pictures) > limits.pictures:
        raise RefusalError(
            422, f"{where} must have at most {limits.pictures} pictures; it has {len(pictures)}"
        )
    _check_pixels(pictures, where, min(limits.megapixels, _most(package)))


def _decoded(product: Product, where: str) -> list[bytes]:
    """Return the pictures that are in base64; of an address that holds one, what it holds."""
    given = product.image
    texts = [given] if isinstance(given, str) else given or []
    found = []
    for text in texts:
        if not text.strip():
            continue
        if text.startswith(_DATA):
            text = text.partition(",")[2]
        try:
            found.append(base64.b64decode(text, validate=True))
        except (binascii.Error, ValueError) as error:
            told = "it has letters beyond ASCII" if not text.isascii() else str(error).lower()
            raise RefusalError(
                422, f"{where}.image must be a picture in base64, and no name or address: {told}"
            ) from None
    return [each for each in found if each]


def _named(product: Product, files: Mapping[str, list[bytes]], where: str) -> list[bytes]:
    if lacking := [name for name in product.image_parts or [] if name not in files]:
        raise RefusalError(
            422, f"{where}.image_parts must name files of the request; {len(lacking)} of them are not there"
        )
    return [data for name in product.image_parts or [] for data in files[name] if data]


def _most(package: Package) -> float:
    """Return the megapixels that a package decodes, infinity if it reads no pictures."""
    return float(package.images.get("max_megapixels", inf))


def _check_pixels(pictures: list[bytes], where: str, most: float) -> None:
    """See that no picture takes more than so many megapixels to decode; damaged ones are no matter here.

    Raises
    ------
    RefusalError
        422, of the first one that does.
    """
    if not pictures:
        return
    from PIL import Image

    from aisle.catalogue.images import FORMATS
    from aisle.catalogue.picture_budget import too_costly

    for data in pictures:
        try:
            with Image.open(BytesIO(data), formats=FORMATS) as source:
                megapixels = source.size[0] * source.size[1] / 1e6
                told = too_costly(source, source.fp, most)
        except Exception:
            continue
        if told is None and megapixels > most:
            told = f"too large: {megapixels:.0f} megapixels, at most {most:g}"
        if told:
            raise RefusalError(422, f"{where}.image must be a picture that can be decoded: it is {told}")
