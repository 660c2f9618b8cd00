"""Mappings of the exports of common shops; a catalogue's own settings go before them, key by key."""

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    # https://help.shopify.com/en/manual/products/import-export/using-csv
    "shopify": {
        "rows": "grouped",
        "columns": {
            "id": "Handle",
            "title": "Title",
            "description": "Body (HTML)",
            "image": "Image Src",
            "brand": "Vendor",
            "price": "Variant Price",
        },
        "category": {"column": "Product Category", "separator": ">"},
    },
    # https://woocommerce.com/document/product-csv-importer-exporter/
    "woocommerce": {
        "columns": {
            "id": "SKU",
            "title": "Name",
            "description": "Description",
            "image": "Images",
            "price": "Regular price",
        },
        "category": {"column": "Categories", "separator": ">", "between": ","},
    },
    # https://support.google.com/merchants/answer/7052112
    "google_merchant": {
        "columns": {
            "id": "id",
            "title": "title",
            "description": "description",
            "image": ["image_link", "additional_image_link"],
            "brand": "brand",
            "price": "price",
        },
        "category": {"column": "product_type", "separator": ">"},
    },
    # https://experienceleague.adobe.com/en/docs/commerce-admin/systems/data-transfer/data-attributes-product
    "magento": {
        "columns": {
            "id": "sku",
            "title": "name",
            "description": "description",
            "image": ["base_image", "additional_images"],
            "price": "price",
        },
        "category": {"column": "categories", "separator": "/", "between": ",", "drop_root": True},
    },
    # https://docs.prestashop-project.org/1-6-documentation/user-guide/managing-products/import-products
    "prestashop": {
        "columns": {
            "id": "ID",
            "title": "Name *",
            "description": "Description",
            "image": "Image URLs (x,y,z...)",
            "brand": "Manufacturer",
            "price": "Price tax included",
        },
        "category": {"column": "Categories (x,y,z...)", "separator": "/", "between": ","},
    },
}
_MAPPINGS = ("columns", "category")


def optional(name: str | None) -> list[Any]:
    """Return what a preset's columns are that an export may lack: it cannot know what a shop ticked."""
    columns = PRESETS.get(name or "", {}).get("columns", {})
    return [spec for field, spec in columns.items() if field not in ("id", "title")]


def apply(given: dict[str, Any]) -> dict[str, Any]:
    """Return a `catalogue` section with what its preset says where it says nothing itself."""
    preset = PRESETS.get(given.get("preset") or "", {})
    merged = {**preset, **given}
    for key in _MAPPINGS:
        if isinstance(given.get(key), dict) and isinstance(preset.get(key), dict):
            merged[key] = {**preset[key], **given[key]}
    return merged
