"""Bring what people said back to the pipeline: write it into data/labels.csv, which `ingest` reads.

  python -m aisle.service.labels --output data/labels.csv

adds what was decided in the review, and what clients said by /v1/feedback, to the rows that the file has.
They stay, also when the store has forgotten them; the same row is there once. What was skipped or taken back
is not written. The file is written whole or not at all; `ingest` says where people disagree, and what counts.
"""

import argparse
import os
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from aisle.catalogue import label_overlay
from aisle.catalogue.label_overlay import Judgement
from aisle.pipeline import cli
from aisle.pipeline.errors import AisleError
from aisle.service.settings import DATABASE, Settings
from aisle.service.store import tables
from aisle.service.store.database import open_store


def judgements(engine: Engine) -> list[Judgement]:
    """Return what people said of products that have a key of their shop, in the order in which they did.

    Raises
    ------
    AisleError
        If the store cannot be read to the end.
    """
    said, feedback = tables.Judgement, tables.Feedback
    reviewed = (
        select(said.product_id, said.category, said.who, said.at, said.why, tables.Review.strategy)
        .join(tables.Review, tables.Review.id == said.review_id)
        .where(said.product_id.is_not(None), said.category.is_not(None))
        .order_by(said.at, said.id)
    )
    told = (
        select(feedback.product_id, feedback.category, feedback.who, feedback.at, feedback.comment)
        .where(feedback.product_id.is_not(None))
        .order_by(feedback.at, feedback.id)
    )
    try:
        with engine.connect() as connection:
            found = [
                Judgement(
                    row.product_id, row.category, row.who, _when(row.at), row.why or f"review: {row.strategy}"
                )
                for row in connection.execute(reviewed)
            ]
            found += [
                Judgement(row.product_id, row.category, row.who, _when(row.at), row.comment or "feedback")
                for row in connection.execute(told)
            ]
    except SQLAlchemyError as error:
        raise AisleError(f"the store must be readable to the end; it is not: {error}") from None
    return [_on_one_line(each) for each in found]


def _when(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")


def _on_one_line(judgement: Judgement) -> Judgement:
    """Return a judgement whose reason is one line, so that a change of the file is a line for each."""
    why = " ".join(judgement.why.split())
    return Judgement(judgement.product_id, judgement.category_path, judgement.who, judgement.when, why)


def write(engine: Engine, output: Path) -> tuple[int, int]:
    """Add what the store has to a file of labels.

    Parameters
    ----------
    engine
        Of the store.
    output
        The file; made where there is none.

    Returns
    -------
    added, total : int
        Rows that are new, and all.
    """
    there = label_overlay.read(output) if output.exists() else []
    before = {_key(each) for each in there}
    new = {_key(each): each for each in judgements(engine) if _key(each) not in before}
    if new or not output.exists():
        label_overlay.write([*there, *new.values()], output)
    return len(new), len(before) + len(new)


def _key(judgement: Judgement) -> tuple[str, str, str]:
    """Return what a judgement is known by: one person says one thing of a product at a time."""
    return judgement.product_id, judgement.who, judgement.when


def main() -> None:
    """Read the command line and write."""
    parser = argparse.ArgumentParser(
        prog="python -m aisle.service.labels",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    default = os.environ.get(DATABASE, Settings().database)
    parser.add_argument("--database", metavar="URL", default=default, help=f"the store; or {DATABASE}")
    parser.add_argument(
        "--output", metavar="FILE", type=Path, default=Path("data/labels.csv"), help="(%(default)s)"
    )
    args = parser.parse_args()
    engine = open_store(args.database)
    added, total = write(engine, args.output)
    engine.dispose()
    print(f"{added} labels are new, {total} are in {args.output}; `dvc repro` learns from them")


if __name__ == "__main__":
    cli.run(main)
