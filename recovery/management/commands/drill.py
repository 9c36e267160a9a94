import json
import signal
from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.forms.models import model_to_dict
from django.utils import timezone

from recovery.drilling import Order, drill
from recovery.exceptions import KeysMissing
from recovery.models import Drill
from web.commands import PortalCommand


def moment(text: str) -> datetime:
    """A time of ISO 8601; without an offset it is one of TIME_ZONE."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no time, as 2027-04-14T19:05:00+09:00") from None
    return at if at.tzinfo else timezone.make_aware(at)


class Command(PortalCommand):
    help = (
        "Restore the newest backup with its WAL into a server of its own, run the verifiers there, "
        "hold it against the published logs, and write down how long it took and what would have "
        "been lost. Ends with 1 if something is missing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--at", type=moment, metavar="TIME", help="restore as of this time, not to the end"
        )
        parser.add_argument(
            "--checkpoints",
            type=Path,
            metavar="FOLDER",
            help="signed checkpoints (CODE/checkpoint), as web nodes have them in JARI_HOME/tlog",
        )
        parser.add_argument(
            "--alone",
            action="store_true",
            help="the portal's database is gone: neither ask it nor write to it",
        )
        parser.add_argument(
            "--new-keys",
            action="store_true",
            help="keys were changed since the last drill, and the old ones are needed no more",
        )
        parser.add_argument(
            "--follow",
            action="store_true",
            help="as a second site: a standby from the archive alone, which is shown to follow the "
            "primary and then promoted",
        )
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["follow"] and (options["alone"] or options["at"]):
            raise CommandError("--follow needs the primary: leave --alone and --at out.")
        order = Order(
            target=options["at"],
            checkpoints=options["checkpoints"],
            alone=options["alone"],
            new_keys=options["new_keys"],
            follow=options["follow"],
        )
        report = self.stderr.write if options["json"] else self.stdout.write
        try:
            with _leaving_on_sigterm():
                row = drill(order, lambda line: report(line))
        except KeysMissing as error:
            raise CommandError(str(error), returncode=2) from None
        if options["json"]:
            values = model_to_dict(row, exclude=["id"]) | {"seconds": row.seconds}
            self.stdout.write(json.dumps(values, default=str))
        else:
            self.stdout.write("\n".join(lines(row)))
        if not row.passed:
            raise CommandError("The drill did not pass.", returncode=1)


def lines(row: Drill) -> list[str]:
    """The result for people."""
    if not row.passed:
        return row.problems.splitlines()
    text = [
        f"Backup {row.backup} was restored, and everything that was signed is in it: copied in "
        f"{row.copy_seconds:.1f} s, replayed in {row.replay_seconds:.1f} s, verified in "
        f"{row.verify_seconds:.1f} s.",
        f"Newest commit restored: {row.newest_at:%Y-%m-%d %H:%M:%S %Z}.",
    ]
    if row.lost_seconds is not None:
        text.append(
            f"With the primary lost at that moment, commits of the last {row.lost_seconds:.1f} s "
            f"({row.lost_bytes} bytes of WAL) would be gone from the backups."
        )
    return text


@contextmanager
def _leaving_on_sigterm() -> Iterator[None]:
    """By an exception, so that context managers end the server and remove what was restored."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
