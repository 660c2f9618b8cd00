"""Products side by side: picture, name, and what is to be said of each."""

from collections.abc import Sequence

import pandas as pd

from aisle.report.blocks import Picture, PicturesBlock, TableBlock
from aisle.report.data.results import Results
from aisle.report.figures.labels import cut

NO_PICTURE = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="96" height="96" viewBox="0 0 96 96">'
    b'<rect x="1" y="1" width="94" height="94" fill="none" stroke="#8a8a8a" stroke-dasharray="4"/>'
    b'<text x="48" y="52" font-family="sans-serif" font-size="12" fill="#8a8a8a" text-anchor="middle">'
    b"no thumbnail</text></svg>"
)
WIDTH = 104
"""Pixels: thumbnails are 96 wide at most, larger they are blurred."""


def gallery(
    results: Results, name: str, caption: str, ids: Sequence[str], lines: Sequence[Sequence[str]]
) -> PicturesBlock | TableBlock:
    """Return products with their pictures, or a table of them where none has a picture.

    Parameters
    ----------
    results
        Has the titles and the thumbnails.
    name
        Of the block, unique on the page.
    caption
        What they are.
    ids
        Products, in the order to be shown.
    lines
        For each what is said below its title.
    """
    titles = results.products.set_index("product_id")["title"]
    wanted = results.thumbnails[results.thumbnails["product_id"].isin(ids)]
    jpeg = dict(zip(wanted["product_id"], wanted["jpeg"], strict=True))
    if not jpeg:
        said = [" · ".join(each) for each in lines]
        found = {"product_id": list(ids), "title": [titles[key] for key in ids], "": said}
        return TableBlock(caption, pd.DataFrame(found))
    pictures = [
        Picture(jpeg.get(key, NO_PICTURE), titles[key], [cut(titles[key]), *said])
        for key, said in zip(ids, lines, strict=True)
    ]
    return PicturesBlock(name, caption, pictures, width=WIDTH)
