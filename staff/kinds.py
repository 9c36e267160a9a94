"""Texts of access records. A kind and its data are stored, and shown in the reader's language."""

from collections import defaultdict
from typing import Any

from django.apps import apps
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

# Kinds besides the labels of models, which stand for a row or list of the model.
KINDS = {
    "/admin/": _("Sign-in"),
    "day_sheet": _("Day sheet %(clinic)s %(day)s"),
    "day": _("Day of %(clinic)s, %(day)s"),
    "day_find": _("Search on the day of %(clinic)s, %(day)s"),
    "caller": _("What a person may book"),
    "find": _("A person, by number or by name, birth date and phone"),
    "find_caller": _("A caller, by the search box of the desk"),
    "story": _("What happened to a person"),
    "send_again": _("Message sent again: %(message)s"),
    "letters": _("Letters printed: %(count)s"),
    "voucher": _("Voucher printed: %(numbers)s"),
    "card": _("Identity card seen: %(card)s"),
    "note": _("Note on a caller"),
    "resume_code": _("Resume code, to be read out"),
    "book": _("Booked by staff: %(numbers)s"),
    "cancel": _("Cancelled by staff: %(numbers)s (%(reason)s)"),
    "move": _("Moved by staff: %(numbers)s"),
    "restore": _("Cancellation taken back by staff: %(numbers)s"),
    "closure": _("Closed hours %(clinic)s %(hours)s"),
    "close": _("Hours closed: %(clinic)s %(hours)s"),
    "take_back_closure": _("Closing taken back: %(clinic)s %(hours)s"),
    "reopen_closure": _("Hours opened again: %(clinic)s %(hours)s"),
    "visit": _("People of the visit to %(home)s, %(day)s"),
    "visit_list": _("List looked at for the visit to %(home)s, %(day)s"),
    "visit_book": _("List booked for the visit to %(home)s, %(day)s: %(count)s"),
    "visit_move": _("Visit to %(home)s changed: %(day)s"),
    "visit_call_off": _("Visit to %(home)s called off: %(day)s"),
    "visit_print": _("List printed of the visit to %(home)s, %(day)s"),
    "put_in_line": _("Put into the line: %(cohort)s"),
    "lost_appointments": _("Appointments lost by a mistaken record"),
    "put_first": _("Put first on the cancellation list: %(row)s"),
    "vaccination": _("Vaccination of reservation %(number)s"),
    "answers": _("Answers before the vaccination, reservation %(number)s"),
    "recall_people": _("People who got lot %(lot)s"),
    "withdrawn_records": _("Withdrawn records"),
    "bulk_file": _("File of rows: %(kind)s, %(count)s"),
    "roster_import": _("Roster upload %(row)s applied"),
    "roster_undo": _("Roster upload %(row)s taken back"),
    "refused_rows": _("Refused rows of roster upload %(row)s"),
    "kept_file": _("Kept file #%(file)s of %(export)s: %(count)s rows"),
    # Written until exports were defined in reports; the records stay.
    "export_people": _("Reservations %(first)s – %(last)s, %(region)s, with people: %(count)s"),
    "file": _("File of %(export)s, %(first)s – %(last)s, %(region)s: %(count)s rows"),
    "file_of_people": _(
        "File of %(export)s with people, %(first)s – %(last)s, %(region)s: %(count)s rows"
    ),
    "export": _("Reservations %(first)s – %(last)s, %(region)s, without people: %(count)s"),
}


def in_words(kind: str, data: dict[str, Any]) -> str:
    """The text of a record; an unknown kind, as of an older release, is returned as stored."""
    text = KINDS.get(kind)
    if text is not None:
        return str(text) % defaultdict(lambda: "–", data)
    app, _dot, model = kind.partition(".")
    try:
        name = apps.get_model(app, model)._meta.verbose_name
    except LookupError:
        return kind
    return " ".join(str(part) for part in [capfirst(name), data.get("row", "")] if part)
