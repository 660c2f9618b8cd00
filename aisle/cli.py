"""What every stage script shares on its command line: the parser, the clear error, the exit status."""

import argparse
import sys
from collections.abc import Callable

from threadpoolctl import threadpool_limits

from aisle.errors import AisleError


def parser(doc: str | None, **paths: str) -> argparse.ArgumentParser:
    """Return a parser with a required flag for every path and an optional `--params`.

    Parameters
    ----------
    doc
        The script's module docstring, printed by `--help`.
    **paths
        Flag name (without dashes) to help text, in the order that `--help` lists them.
    """
    result = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, text in paths.items():
        result.add_argument(f"--{name.replace('_', '-')}", required=True, metavar="PATH", help=text)
    result.add_argument("--params", default="params.yaml", metavar="PATH", help="parameters (%(default)s)")
    return result


def run(main: Callable[[], None]) -> None:
    """Call `main`; an `AisleError` ends the program with one line on stderr and exit status 2.

    BLAS and OpenMP get one thread: with more, sums are taken in another order and the last bits depend on the
    number of cores. What runs in parallel here gives the same bytes whatever the number.
    """
    try:
        with threadpool_limits(1):
            main()
    except AisleError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        raise SystemExit(2) from None
