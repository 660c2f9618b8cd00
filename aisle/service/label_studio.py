"""Review in Label Studio instead: export what waits as its tasks, and import what was said there.

  python -m aisle.service.label_studio export --model champion --output label-studio
  python -m aisle.service.label_studio import project-1.json

The first writes `config.xml`, the labelling interface with the categories as a taxonomy, and `tasks.json`, a
task for each product that waits, with the model's category as pre-annotation. The second reads the project's
export as JSON into the store, from where `python -m aisle.service.labels` brings it to the pipeline; it
replaces what the same people said of the same products. Formats: https://labelstud.io/guide/task_format,
https://labelstud.io/guide/predictions and https://labelstud.io/tags/taxonomy.
"""

import argparse
import base64
import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4
from xml.etree import ElementTree

from sqlalchemy import Engine, delete, insert, select

from aisle.catalogue.taxonomy import PATH_SEPARATOR
from aisle.deployment import packaging
from aisle.pipeline import atomic, cli
from aisle.pipeline.errors import AisleError, some
from aisle.service.answering import path
from aisle.service.review.assigning import end
from aisle.service.review.keeping import DONE
from aisle.service.schemas import PIXEL
from aisle.service.settings import DATABASE, Settings
from aisle.service.store.database import open_store
from aisle.service.store.tables import Judgement, Review, ReviewItem

CONTROL, OBJECT = "category", "text"
"""Names of the taxonomy and of what it is of, in config.xml and in each result."""
NAME = 64
"""Characters of a person's name that are kept."""


def config(categories: Iterable[str]) -> str:
    """Return the labelling interface: picture, text, and the tree of categories."""
    view = ElementTree.Element("View")
    ElementTree.SubElement(view, "Header", value="$title")
    ElementTree.SubElement(view, "Image", name="picture", value="$picture")
    ElementTree.SubElement(view, "Text", name=OBJECT, value="$text")
    tree = ElementTree.SubElement(
        view, "Taxonomy", name=CONTROL, toName=OBJECT, maxUsages="1", required="true", showFullPath="true"
    )
    nodes: dict[tuple[str, ...], ElementTree.Element] = {(): tree}
    for category in sorted(categories):
        segments = tuple(path(category))
        for depth in range(1, len(segments) + 1):
            if segments[:depth] not in nodes:
                above = nodes[segments[: depth - 1]]
                nodes[segments[:depth]] = ElementTree.SubElement(above, "Choice", value=segments[depth - 1])
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"


def tasks(engine: Engine, categories: Iterable[str]) -> list[dict[str, Any]]:
    """Return a task for each product that waits in the pool or the queue, those of the queue first."""
    known = {*categories}
    query = (
        select(*Review.__table__.columns, *ReviewItem.__table__.columns)
        .join(ReviewItem, ReviewItem.review_id == Review.id)
        .where(Review.state != DONE)
        .order_by(Review.place.is_(None), Review.place, Review.at, Review.id)
    )
    with engine.connect() as connection:
        rows = connection.execute(query).mappings().all()
    return [_task(row, row["predicted"] in known) for row in rows]


def _task(row: Any, known: bool) -> dict[str, Any]:
    kind, picture = ("jpeg", base64.b64encode(row["picture"]).decode()) if row["picture"] else ("png", PIXEL)
    text = "\n".join(filter(None, (row["description"], row["specifications"]))) or row["title"] or "(no text)"
    data = {
        "review_id": row["review_id"],
        "product_id": row["product_id"],
        "title": row["title"] or "(no title)",
        "text": text,
        "picture": f"data:image/{kind};base64,{picture}",
    }
    result = {
        "id": row["review_id"][:10],
        "from_name": CONTROL,
        "to_name": OBJECT,
        "type": "taxonomy",
        "value": {"taxonomy": [path(row["predicted"])]},
    }
    score = row["probabilities"].get(row["predicted"])
    made = {"model_version": row["strategy"] or "pool", "score": score, "result": [result]}
    return {"data": data, "predictions": [made] if known else []}


def read(file: Path) -> list[dict[str, Any]]:
    """Return what people said in a project's export: review_id, who, at, category (None: skipped), seconds.

    Raises
    ------
    AisleError
        If it is no export of tasks of this program, or an annotation has no category or several.
    """
    told = f"{file} must be a project's export as JSON (Export, JSON) of tasks that this program made"
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise AisleError(f"{told}; it is not there") from None
    except ValueError as error:
        raise AisleError(f"{told}; it is no JSON: {error}") from None
    if not isinstance(found, list):
        raise AisleError(f"{told}; it is no list")
    said = []
    for task in found:
        data = task.get("data") if isinstance(task, dict) else None
        if not isinstance(data, dict) or not isinstance(data.get("review_id"), str):
            raise AisleError(f"{told}; a task has no review_id. JSON-MIN and CSV leave out what is needed")
        for annotation in task.get("annotations") or []:
            said.append(_said(annotation, data["review_id"], f"{file}, task {task.get('id')}"))
    return said


def _said(annotation: dict[str, Any], review: str, where: str) -> dict[str, Any]:
    cancelled = bool(annotation.get("was_cancelled"))
    chosen = [
        way
        for result in annotation.get("result") or []
        if result.get("type") == "taxonomy" and result.get("from_name") == CONTROL
        for way in result["value"]["taxonomy"]
    ]
    if not cancelled and len(chosen) != 1:
        raise AisleError(f"{where} must have one category; it has {len(chosen)}")
    at = datetime.fromisoformat(annotation.get("updated_at") or annotation["created_at"])
    return {
        "review_id": review,
        "who": _person(annotation.get("completed_by")),
        "at": at if at.tzinfo else at.replace(tzinfo=UTC),
        "category": None if cancelled else PATH_SEPARATOR.join(chosen[0]),
        "seconds": float(annotation.get("lead_time") or 0.0),
    }


def _person(given: Any) -> str:
    """Return who made an annotation: an export has a number, or the whole user."""
    name = given.get("email") or given.get("id") if isinstance(given, dict) else given
    return f"label-studio:{name}"[:NAME] if name is not None else "label-studio"


def keep(engine: Engine, said: list[dict[str, Any]]) -> int:
    """Write what was said into the store, in the place of what the same people had said; return how much.

    Raises
    ------
    AisleError
        If a product is not in the store; nothing is written then.
    """
    latest = {(each["review_id"], each["who"]): each for each in sorted(said, key=lambda each: each["at"])}
    with engine.begin() as connection:
        query = select(Review.id, Review.product_id).where(Review.id.in_({review for review, _ in latest}))
        products = {row.id: row.product_id for row in connection.execute(query)}
        if unknown := sorted({review for review, _ in latest} - {*products}):
            raise AisleError(
                f"the tasks must be of this store's products; {len(unknown)} are not: {some(unknown)}. "
                "Name the store that they were exported from: --database."
            )
        for (review, who), each in latest.items():
            mine = (Judgement.review_id == review) & (Judgement.who == who)
            connection.execute(delete(Judgement).where(mine))
            more = {
                "id": uuid4().hex,
                "leader": review,
                "product_id": products[review],
                "why": "Label Studio",
            }
            connection.execute(insert(Judgement), [each | more])
            if each["category"] is not None:
                end(connection, [review], who, each["category"])
    return len(latest)


def main() -> None:
    """Read the command line; export or import."""
    parser = argparse.ArgumentParser(
        prog="python -m aisle.service.label_studio",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    default = os.environ.get(DATABASE, Settings().database)
    parser.add_argument("--database", metavar="URL", default=default, help=f"the store; or {DATABASE}")
    what = parser.add_subparsers(dest="what", required=True)
    out = what.add_parser("export", help="write config.xml and tasks.json")
    out.add_argument(
        "--model", default=Settings().model, help="package whose categories there are (%(default)s)"
    )
    out.add_argument("--output", metavar="FOLDER", type=Path, required=True, help="where they go")
    into = what.add_parser("import", help="read a project's export as JSON into the store")
    into.add_argument("file", type=Path, help="that Label Studio has written")
    args = parser.parse_args()
    engine = open_store(args.database)
    if args.what == "import":
        print(f"{keep(engine, read(args.file))} annotations are in the store; `make labels` writes them on")
        return
    categories = packaging.read(packaging.find(args.model)).categories
    found = tasks(engine, categories)
    atomic.write_text(args.output / "config.xml", config(categories))
    atomic.write_text(args.output / "tasks.json", json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    print(
        f"{len(found)} tasks are in {args.output}; make a project of config.xml, and import tasks.json there"
    )


if __name__ == "__main__":
    cli.run(main)
