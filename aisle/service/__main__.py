"""Answer which category products have, over HTTP.

  python -m aisle.service --model champion

serves packages/champion on http://127.0.0.1:8000; /docs there shows what can be asked. A package that is put
into the folder's place is served from the next batch on; one that is broken is refused. docs/service.md says
how to give out keys, and what is promised.
"""

import argparse
import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path

from aisle.pipeline import cli
from aisle.service import keys
from aisle.service.settings import DATABASE, KEYS, MEGABYTE, Limits, Review, Settings

SWITCH = 5e-4
"""Seconds after which the batcher's thread lets the one in that talks to clients. Python's own are 5 ms, for
which each of its calls to the system would wait."""


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = argparse.ArgumentParser(
        prog="python -m aisle.service",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    own, limits = Settings(), Limits()
    add = result.add_argument
    add(
        "--model",
        default=own.model,
        help="folder of a package, its name below packages/ (%(default)s), or models:/NAME@ALIAS of MLflow",
    )
    add("--challenger", metavar="MODEL", help="another, which predicts the same and is not answered")
    add("--host", default=own.host, help="interface (%(default)s); another one wants keys")
    add("--port", type=_number(0), default=8000, help="(%(default)s); 0 for one that is free")
    add("--keys", metavar="FILE", help=f"API keys, a line each; or {KEYS}, with commas between them")
    add(
        "--database",
        metavar="URL",
        default=os.environ.get(DATABASE, own.database),
        help=f"the store; or {DATABASE}",
    )
    add("--retention", type=float, default=own.retention, metavar="DAYS", help="of predictions (%(default)s)")
    add(
        "--watch",
        type=float,
        default=own.watch,
        metavar="SECONDS",
        help="between looks at the package; 0: never",
    )
    add("--rate", type=_number(1), metavar="N", help="products per minute and key (any number)")
    add(
        "--queue", type=_number(1), default=limits.queue, metavar="N", help="products that wait (%(default)s)"
    )
    add(
        "--batch", type=_number(1), default=limits.batch, metavar="N", help="predicted together (%(default)s)"
    )
    _add_review(result, own.review)
    add("--seconds", type=float, default=limits.seconds, help="until a request is answered (%(default)s)")
    add(
        "--body",
        type=_number(1),
        default=limits.body // MEGABYTE,
        metavar="MIB",
        help="of a request (%(default)s)",
    )
    add(
        "--grace",
        type=_number(1),
        default=60,
        metavar="SECONDS",
        help="to answer what was accepted, when stopped",
    )
    return result


def _add_review(parser: argparse.ArgumentParser, review: Review) -> None:
    add = parser.add_argument
    add("--review-pool", type=_number(0), default=review.pool, metavar="N",
        help="products kept for the review (%(default)s); 0: no review, nothing is kept")  # fmt: skip
    add("--review-strategy", default=review.strategy, metavar="NAME",
        help="which are asked about first: a file of aisle/service/queue/ (%(default)s)")  # fmt: skip
    add("--review-share", type=_share, default=review.share, metavar="SHARE",
        help="of the pool that chance chooses (%(default)s)")  # fmt: skip
    add("--review-others", type=_share, default=review.others, metavar="SHARE",
        help="of the products nobody must look at, kept too (%(default)s)")  # fmt: skip
    add("--review-days", type=float, default=review.days, metavar="DAYS",
        help="that text and picture are kept (%(default)s)")  # fmt: skip


def _number(least: int) -> Callable[[str], int]:
    def whole(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"must be a whole number from {least} on, not {text!r}")
        return int(text)

    return whole


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must be from 0 to 1, not {text!r}")
    return value


def settings(args: argparse.Namespace) -> Settings:
    """Return what the command line and the environment say.

    Raises
    ------
    AisleError
        If the keys are none.
    """
    known = keys.read(args.keys) if args.keys else keys.parse(os.environ.get(KEYS, "").split(","), KEYS)
    limits = Limits(
        rate=args.rate,
        queue=args.queue,
        batch=args.batch,
        seconds=args.seconds,
        body=args.body * MEGABYTE,
        file=args.body * MEGABYTE,
    )
    review = Review(
        pool=args.review_pool,
        strategy=args.review_strategy,
        share=args.review_share,
        others=args.review_others,
        days=args.review_days,
    )
    return Settings(
        review=review,
        model=args.model,
        challenger=args.challenger,
        host=args.host,
        keys=known,
        database=args.database,
        retention=args.retention,
        watch=args.watch,
        limits=limits,
        packages=Path("packages"),
    )


def main() -> None:
    """Start, and answer until stopped."""
    args = parser().parse_args()
    said = settings(args)

    import uvicorn  # a wrong command line is told at once

    from aisle.service import app, logs, state

    logs.configure()
    sys.setswitchinterval(SWITCH)
    made = app.create(state.make(said))
    gc.collect()
    gc.freeze()  # libraries and models stay: the collector need not look through them again and again
    uvicorn.run(
        made,
        host=args.host,
        port=args.port,
        log_config=None,
        access_log=False,
        proxy_headers=False,  # nothing reads whom a proxy speaks for
        timeout_graceful_shutdown=args.grace,
        server_header=False,
    )


if __name__ == "__main__":
    cli.run(main)
