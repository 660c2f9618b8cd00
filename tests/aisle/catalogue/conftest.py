"""Files of a shop: its table and its folder of pictures."""

import csv

import pandas as pd
import pytest

from tests.aisle.catalogue.shop import HEADER


@pytest.fixture
def written(tmp_path):
    """Return a function that writes text, or rows, to a file and returns its path."""

    def write(name, content):
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif isinstance(content, str):
            path.write_text(content, encoding="utf-8")
        elif name.endswith(".parquet"):
            pd.DataFrame(content).to_parquet(path)
        else:
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, HEADER, delimiter="\t" if name.endswith(".tsv") else ",")
                writer.writeheader()
                writer.writerows(content)
        return path

    return write


@pytest.fixture
def folder(tmp_path):
    """Return a folder of pictures, with a link to a file outside of it."""
    (tmp_path / "in" / "sub").mkdir(parents=True)
    for name in ("secret.jpg", "in/a.jpg", "in/sub/b.jpg", "in/name with space.jpg"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "in" / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    return tmp_path / "in"
