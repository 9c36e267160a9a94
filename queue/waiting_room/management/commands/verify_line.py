from typing import Any

from django.core.management.base import CommandError, CommandParser

from waiting_room.management.rooms import room_by_code
from waiting_room.offline import verify_line
from waiting_room.services.publishing import log_lines
from waiting_room.services.rooms import is_as_planned
from web.commands import PortalCommand


class Command(PortalCommand):
    help = "Check order, draw, calls and log of a room against its tables, hash by hash."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("room", help="the cohort's code")
        parser.add_argument("--root", help="a root of the log seen earlier")
        parser.add_argument("--csv", help="also write the log that was checked to this file")

    def handle(self, *, room: str, root: str | None, csv: str | None, **options: Any) -> None:
        verified = room_by_code(room)
        lines = log_lines(verified)
        if csv:
            with open(csv, "w", encoding="utf-8", newline="") as file:
                file.writelines(lines)
            with open(csv, encoding="utf-8", newline="") as file:
                report = verify_line.check(verify_line.rows_of(file))
        else:
            # Streamed: a log of millions of rows is never in memory as a whole.
            pieces = (line for piece in lines for line in piece.splitlines(keepends=True))
            report = verify_line.check(verify_line.rows_of(pieces))
        if verified.frozen_at and not is_as_planned(verified):
            report.troubles.append((0, "The opening in the table is not the one that was logged."))
        if root:
            verify_line.check_root(report, root)
        self.stdout.write(verify_line.summary(report))
        if not report.is_good:
            raise CommandError(f"The line of “{room}” is not as it was recorded.", returncode=1)
