import getpass
import os
import sys
import tempfile
from argparse import BooleanOptionalAction
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from booking.exports import Encoding, Selection, UnencodableText, export_to
from booking.models import Reservation
from dataio.districts import region_of
from dataio.values import BadValue, day
from staff.enums import Act
from staff.services import record_access
from web.commands import PortalCommand


class Command(PortalCommand):
    help = gettext_lazy("Write reservations as CSV, as they are at one instant")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["reservations"])
        parser.add_argument("file", help=_("path of the new file, or - for the screen"))
        parser.add_argument("--from", dest="first", help=_("first day, 2026-07-19"))
        parser.add_argument("--to", dest="last", help=_("last day, 2026-07-19"))
        parser.add_argument("--region", default="", help="서울, 서울특별시, …")
        parser.add_argument(
            "--people",
            action="store_true",
            help=_("with names, dates of birth and phone numbers"),
        )
        parser.add_argument(
            "--reason",
            default="",
            help=_("why personal data is taken; kept on record, needed by --people"),
        )
        parser.add_argument(
            "--bom",
            action=BooleanOptionalAction,
            default=None,
            help=_("mark UTF-8 for Excel (the default for a file)"),
        )
        parser.add_argument("--encoding", choices=["utf-8", "cp949"], default="utf-8")

    def handle(
        self,
        *,
        file: str,
        first: str | None,
        last: str | None,
        region: str,
        people: bool,
        reason: str,
        bom: bool | None,
        encoding: str,
        **options: Any,
    ) -> None:
        if people and len(reason.strip()) < 5:
            raise CommandError(_("--people: say with --reason what the personal data is for."))
        first_day, last_day = _day(first, "--from"), _day(last, "--to")
        if first_day and last_day and first_day > last_day:
            raise CommandError(_("--from lies after --to: nothing was written."))
        selection = Selection(
            rows=Reservation.objects.all(),
            first=first_day,
            last=last_day,
            region=_region(region),
        )
        # Files are mostly opened in Excel, which reads UTF-8 only with a BOM.
        kind = _encoding(encoding, bom if bom is not None else file != "-")
        person_ids: set[int] = set()

        def record(count: int) -> None:
            data = selection.summary(count)
            _record("export_people" if people else "export", data, person_ids, reason)

        values: dict[str, Any] = {"people": people, "encoding": kind, "person_ids": person_ids}
        try:
            if file == "-":
                count = _to_screen(selection, record, **values)
            else:
                count = _to_file(Path(file), selection, record, **values)
        except UnencodableText as problem:
            raise CommandError(str(problem)) from None
        except OSError as error:
            raise CommandError(
                _("The file can't be written: %s.") % (error.strerror or error)
            ) from error
        self.stderr.write(_("%(count)s reservations were written.") % {"count": count})


def _record(what: str, data: dict[str, Any], people: set[int], reason: str) -> None:
    """Record the access; a command has no request, so the system user is the actor."""
    record_access(
        None,
        act=Act.DOWNLOAD,
        what=what,
        data=data,
        people=people,
        reason=reason,
        by=f"command:export ({getpass.getuser()})",
    )


def _to_screen(selection: Selection, record: Callable[[int], None], **options: Any) -> int:
    """Write to stdout; the access is recorded even if the reader stops half way."""
    count = -1
    try:
        count = export_to(sys.stdout.buffer, selection, **options)
        sys.stdout.buffer.flush()
    finally:
        record(count)
    return count


def _to_file(
    path: Path, selection: Selection, record: Callable[[int], None], **options: Any
) -> int:
    """Write a file that is complete or absent, and readable by its owner only."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".export-")
    try:
        with os.fdopen(handle, "wb") as file:
            count = export_to(file, selection, **options)
            file.flush()
            os.fsync(file.fileno())
        record(count)  # before the file appears under its name
        os.replace(temporary, path)
    except BaseException:  # also KeyboardInterrupt
        Path(temporary).unlink(missing_ok=True)
        raise
    return count


def _encoding(encoding: str, bom: bool) -> Encoding:
    if encoding == "cp949":
        return Encoding.CP949
    return Encoding.EXCEL if bom else Encoding.MACHINE


def _day(text: str | None, option: str) -> date | None:
    if not text:
        return None
    try:
        return day(text)
    except BadValue as problem:
        raise CommandError(f"{option}: {problem}") from None


def _region(text: str) -> str:
    region = region_of(text) if text else ""
    if region is None:
        raise CommandError(_("--region: there is no region “%s”.") % text)
    return region
