"""Taking an export, and a record of whose data it held."""

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from django.http import HttpRequest

from dataio.csv_out import csv_table
from reports.enums import Holds
from reports.packing import packed
from reports.selection import Form, Selection, check_reason
from reports.writing import Replaced, Written, write_csv
from staff.enums import Act
from staff.models import Access, User
from staff.services import record_access

IDS_OF_A_RECORD = 250_000


def record_taking(
    selection: Selection,
    written: Written,
    *,
    reason: str,
    request: HttpRequest | None = None,
    user: User | None = None,
    by: str = "",
) -> list[Access]:
    """Record who took the file, and the ids of all people in it: many of them in several records,
    so that the memory does not grow with the file."""
    is_personal = selection.holds != Holds.NOTHING
    summary, several = selection.summary(written.rows), len(written.people) > IDS_OF_A_RECORD
    return [
        record_access(
            request,
            act=Act.DOWNLOAD,
            what="file_of_people" if is_personal else "file",
            data=summary | ({"part": number} if several else {}),
            people=ids,
            reason=reason,
            user=user,
            by=by,
        )
        for number, ids in enumerate(written.people.parts(IDS_OF_A_RECORD), 1)
    ]


def unnamed_file(selection: Selection, form: Form, *, reason: str) -> tuple[IO[bytes], Written]:
    """A temporary file with the export; the caller closes it. Raises BadSelection.

    Complete before the first byte is sent: a lost database is an error page, not half a file, and a
    slow client keeps no snapshot open.
    """
    check_reason(selection, reason)
    with ExitStack() as stack:
        file = stack.enter_context(tempfile.TemporaryFile())
        with packed(file, selection, form.packing) as target:
            written = write_csv(target, selection, form.for_packing)
        file.seek(0)
        stack.pop_all()  # the caller closes the file
    return file, written


def write_list_of_replaced(path: Path, replaced: list[Replaced]) -> None:
    """What did not fit the encoding, as a UTF-8 file of its own beside the export."""
    rows = [
        [entry.row, entry.column, f"{entry.letter} U+{ord(entry.letter):04X}", entry.by]
        for entry in replaced
    ]
    with path.open("wb") as file:
        os.chmod(path, 0o600)
        file.write(csv_table([["row", "column", "letter", "written_as"], *rows]))
