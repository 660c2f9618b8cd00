"""What every stage script shares on its command line: the parser, the clear error, the exit status."""

import argparse
import errno
import faulthandler
import os
import sys
from collections.abc import Callable
from tempfile import TemporaryFile
from typing import IO

from threadpoolctl import threadpool_limits

from aisle.pipeline.errors import AisleError


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


def run(main: Callable[[], None], *, children: bool = False) -> None:
    """Call `main`; an `AisleError` or `OSError` ends the program with one line on stderr and exit status 2.

    A full disk, a file that may not be read, a lost mount: none is a fault of the program, and a traceback
    would hide the one line that tells it. AISLE_TRACEBACK=1 shows it all the same.

    BLAS and OpenMP get one thread: with more, sums are taken in another order and the last bits depend on the
    number of cores. What runs in parallel here gives the same bytes whatever the number.

    Parameters
    ----------
    main
        The program.
    children
        Whether it starts programs that say on stderr what is wrong. Else what compiled libraries write there
        is kept back.
    """
    chatter = divert_chatter() if sys.stderr is sys.__stderr__ and not children else None
    try:
        with threadpool_limits(1):
            main()
    except AisleError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("error: interrupted; what was not whole yet was not written", file=sys.stderr)
        raise SystemExit(130) from None  # as a shell says it of SIGINT
    except BrokenPipeError:  # of `| head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        raise SystemExit(141) from None
    except UnicodeEncodeError as error:
        what = ascii(error.object[max(error.start - 40, 0) : error.end])
        print(
            f"error: a text must be Unicode; {what} has half a character, as of a file name in another "
            "encoding. Rename the file, or mend the text",
            file=sys.stderr,
        )
        raise SystemExit(2) from None
    except OSError as error:
        print(f"error: {_told(error)}", file=sys.stderr)
        raise SystemExit(2) from None
    except Exception:
        if chatter:  # it may say why
            chatter.seek(0)
            sys.stderr.write(chatter.read().decode(errors="replace"))
        raise


def _told(error: OSError) -> str:
    """Return what the system says, of which file, and what to do where that is known."""
    if os.environ.get("AISLE_TRACEBACK"):
        raise error
    what = " ".join((error.strerror or str(error)).split())
    where = f": {error.filename}" if error.filename else ""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or "No space left" in str(error)
    return f"{what}{where}" + (". Free some space and run again; no file was cut" if full else "")


def divert_chatter() -> IO[bytes]:
    """Keep what compiled libraries write to stderr's file descriptor; Python's own stderr stays as it is.

    TensorFlow and its kind greet every process in several lines, before anything can be set. A crash of the
    interpreter itself is still told.

    Returns
    -------
    file
        What they wrote.
    """
    kept = TemporaryFile()  # noqa: SIM115
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    faulthandler.enable(sys.stderr)
    os.dup2(kept.fileno(), 2)
    return kept
