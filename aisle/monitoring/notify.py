"""Send the alarms of the last run to people, each once, without Prometheus.

  python -m aisle.monitoring.notify --to mailto://user:password@shop.example --link https://shop.example/report

`--to` takes any address of Apprise (mail, Slack, Teams, a webhook: https://github.com/caronc/apprise),
several of them, or AISLE_NOTIFY has them, with spaces between, so that no password stands in a list of
processes. What was sent is kept in a file beside the alarms; an alarm that could not be sent is tried again
the next time.
"""

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path

from aisle.monitoring.alarms import Alarm
from aisle.pipeline import atomic, cli, tables
from aisle.pipeline.errors import AisleError

ADDRESSES = "AISLE_NOTIFY"
PAGE = "index.html"


def unsent(alarms: Sequence[Alarm], state: Path) -> list[Alarm]:
    """Return the alarms whose key the file of what was sent does not have."""
    sent = {*json.loads(state.read_text(encoding="utf-8"))} if state.is_file() else set()
    return [alarm for alarm in alarms if alarm.key not in sent]


def body(alarm: Alarm, link: str) -> str:
    """Return the text of a message, with the address of the figure that shows it."""
    return f"{alarm.text}\n{link.rstrip('/')}/{PAGE}#figure-{alarm.figure}" if link else alarm.text


def send(alarms: Sequence[Alarm], addresses: Sequence[str], link: str, state: Path) -> int:
    """Send alarms; return how many were.

    What was sent is written down after each, so that a process that dies repeats one at most.

    Parameters
    ----------
    alarms
        Those that were not sent.
    addresses
        Of Apprise.
    link
        Where the report's folder is to be seen; "" for nowhere.
    state
        File of the keys that were sent.

    Raises
    ------
    AisleError
        If an address is none, or an alarm cannot be sent to all of them.
    """
    from apprise import Apprise, NotifyType

    service = Apprise()
    for number, address in enumerate(addresses, 1):
        if not service.add(address):  # it may hold a password: it is not shown
            raise AisleError(f"--to must be addresses of Apprise; number {number} is none")
    for number, alarm in enumerate(alarms):
        if not service.notify(
            body=body(alarm, link),
            title=f"Aisle: {alarm.name} ({alarm.batch})",
            notify_type=NotifyType.WARNING,
        ):
            raise AisleError(
                f"alarms must reach all of {len(addresses)} addresses; {alarm.key} did not. {number} were "
                "sent; the others are tried again the next time."
            )
        sent = json.loads(state.read_text(encoding="utf-8")) if state.is_file() else []
        atomic.write_text(state, json.dumps(sorted({*sent, alarm.key}), indent=1) + "\n")
    return len(alarms)


def main() -> None:
    """Read the command line, send what is new."""
    parser = argparse.ArgumentParser(
        prog="python -m aisle.monitoring.notify",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--alarms",
        type=Path,
        default=Path("reports/monitoring/alarms.json"),
        metavar="PATH",
        help="(%(default)s)",
    )
    parser.add_argument("--to", nargs="+", default=[], metavar="URL", help=f"of Apprise; or {ADDRESSES}")
    parser.add_argument("--link", default="", metavar="URL", help="where people see the report's folder")
    parser.add_argument(
        "--state",
        type=Path,
        default=Path("notified.json"),
        metavar="PATH",
        help="what was sent (%(default)s)",
    )
    args = parser.parse_args()
    addresses = args.to or os.environ.get(ADDRESSES, "").split()
    if not addresses:
        raise AisleError(f"someone must be told: give addresses of Apprise by --to or {ADDRESSES}")
    new = unsent([Alarm(**each) for each in tables.read_json(args.alarms)], args.state)
    print(f"{send(new, addresses, args.link, args.state)} alarms sent")


if __name__ == "__main__":
    cli.run(main)
