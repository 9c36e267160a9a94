import getpass
import json
import sys
from argparse import BooleanOptionalAction
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dataio.values import BadValue, day
from reports.definitions import EXPORTS
from reports.describing import csvw
from reports.enums import Encoding, Headers, Zone
from reports.exceptions import BadSelection
from reports.selection import Form, Selection, check_reason, select
from reports.storage import whole_file
from reports.taking import record_taking, write_list_of_replaced
from reports.writing import Written, write_csv
from web.commands import PortalCommand


class Command(PortalCommand):
    help = gettext_lazy("Write an export as CSV, as it is at one instant")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", choices=EXPORTS, help=_("one of %s") % ", ".join(EXPORTS))
        parser.add_argument("file", help=_("path of the new file, or - for the screen"))
        parser.add_argument("--from", dest="first", help=_("first day, 2026-07-19"))
        parser.add_argument("--to", dest="last", help=_("last day, 2026-07-19"))
        parser.add_argument("--region", default="", help="서울, 서울특별시, …")
        parser.add_argument("--cohort", default="", help=_("code of a cohort"))
        parser.add_argument("--columns", default="", help=_("names of columns, comma between"))
        parser.add_argument(
            "--people",
            action="store_true",
            help=_("with names, dates of birth and phone numbers"),
        )
        parser.add_argument(
            "--recipient",
            default="",
            help=_("who gets the file: with a key of each person for them alone, and the age"),
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
        parser.add_argument("--headers", choices=Headers.values, default=Headers.NAMES.value)
        parser.add_argument("--zone", choices=Zone.values, default=Zone.SEOUL.value)
        parser.add_argument(
            "--metadata",
            action="store_true",
            help=_("write FILE-metadata.json beside it, as CSVW says"),
        )

    def handle(self, **options: Any) -> None:
        try:
            selection = _selection(options)
            check_reason(selection, options["reason"])
        except BadSelection as problem:
            option = {"first": "from", "last": "to"}.get(problem.option, problem.option)
            raise CommandError(f"--{option}: {problem}") from None
        screen = options["file"] == "-"
        form = _form(options, screen=screen)
        try:
            if screen:
                written = _to_screen(selection, form, options["reason"])
            else:
                written = _to_file(Path(options["file"]), selection, form, options)
        except OSError as error:
            raise CommandError(
                _("The file can't be written: %s.") % (error.strerror or error)
            ) from error
        self._report(written)

    def _report(self, written: Written) -> None:
        if not written.rows:
            self.stderr.write(_("Nothing lies in this selection: the file has no rows."))
            return
        self.stderr.write(_("%(count)s rows were written.") % {"count": written.rows})
        if written.replaced_count:
            self.stderr.write(
                _("%(count)s letters that CP949 does not have were replaced:")
                % {"count": written.replaced_count}
            )
            for entry in written.replaced[:20]:
                self.stderr.write(f"  {entry.row} {entry.column} {entry.letter} → {entry.by}")


def _selection(options: dict[str, Any]) -> Selection:
    return select(
        EXPORTS[options["name"]],
        first=_day(options["first"], "first"),
        last=_day(options["last"], "last"),
        region=options["region"],
        cohort=options["cohort"],
        columns=[name.strip() for name in options["columns"].split(",") if name.strip()],
        people=options["people"],
        recipient=options["recipient"].strip(),
    )


def _form(options: dict[str, Any], *, screen: bool) -> Form:
    # Files are mostly opened in Excel, which reads UTF-8 only with a BOM.
    bom = options["bom"] if options["bom"] is not None else not screen
    encoding = Encoding.EXCEL if bom else Encoding.MACHINE
    if options["encoding"] == "cp949":
        encoding = Encoding.CP949
    return Form(encoding=encoding, zone=Zone(options["zone"]), headers=Headers(options["headers"]))


def _day(text: str | None, option: str) -> date | None:
    if not text:
        return None
    try:
        return day(text)
    except BadValue as problem:
        raise BadSelection(option, str(problem)) from None


def _record(selection: Selection, written: Written, reason: str) -> None:
    """Record the taking; a command has no request, so the system user is the actor."""
    by = f"command:export ({getpass.getuser()})"
    record_taking(selection, written, reason=reason, by=by)


def _to_screen(selection: Selection, form: Form, reason: str) -> Written:
    """Write to stdout; the access is recorded even if the reader stops half way."""
    written = Written()
    try:
        write_csv(sys.stdout.buffer, selection, form, written)
        sys.stdout.buffer.flush()
    finally:
        _record(selection, written, reason)
    return written


def _to_file(path: Path, selection: Selection, form: Form, options: dict[str, Any]) -> Written:
    with whole_file(path) as file:
        written = write_csv(file, selection, form)
        _record(selection, written, options["reason"])  # before the file appears under its name
    if options["metadata"]:
        described = csvw(selection, form, path.name)
        text = json.dumps(described, ensure_ascii=False, indent=2)
        Path(f"{path}-metadata.json").write_text(text + "\n", encoding="utf-8")
    if written.replaced:
        write_list_of_replaced(Path(f"{path}.replaced.csv"), written.replaced)
    return written
