"""Writes docs/roles.md from the permission table and the forms of the admin."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import flatten
from django.db.models import Model
from django.http import HttpRequest
from django.utils import translation

from staff.enums import Role
from staff.models import User
from staff.roles import sees_people, table

_TITLE = """# Roles

Made by `manage.py roles > docs/roles.md` from the table in staff/roles.py; a test compares. Which
rows each role sees is staff/scoping.py: a clinic's staff their clinic, a local government its
region or district, the others everything of the kinds they see.

"""
_ACTS = """
view, add, change: Django's own. export: download with a reason. book: for callers and walk-ins.
retry: send a failed message again. print: letters. link: make a link that sets a password. unlock:
forgive wrong tries. reset: remove a second factor. decide: grant a role that somebody else asked
for.

Nobody does any of the last four to their own account. A link or a reset for an account that sees
people is made by those who decide on roles. Superusers, made by `manage.py createsuperuser`, may do
everything and are recorded too.
"""

_FIELDS = """
## Fields

What the page of one row shows, and which of its fields a role writes when it adds or changes one.
The state of a row closes more: the rules of a cohort once decisions rest on them, a review or a
correction that was answered. Lines, reservations and list entries are written by pages and buttons
of their own, which name their fields; name, birth date and phone of a person by the roster and by
corrections alone.

| | roles | shows | adds with | changes |
|---|---|---|---|---|
"""
# Without lists of their own in the admin: no rows, only counts, or pages of a clinic.
_MODELS_OF_OTHERS = (
    "django_rq.dashboard",
    "events.complaint",
    "booking.closure",
    "reports.control",
    "reports.evening",
    "reports.dashboard",
)
# Exports (reports.definitions) are no models at all.
_EXPORTS = {dotted for dotted, rights in table().items() if ["export"] in rights.values()}


def roles_page() -> str:
    with translation.override("en"):
        heads = [str(role.label) for role in Role]
    lines = [
        "| | " + " | ".join(heads) + " |",
        "|---" * (len(heads) + 1) + "|",
        "| sees people | " + " | ".join("yes" if sees_people(r) else "no" for r in Role) + " |",
    ]
    lines += [
        f"| {model} | " + " | ".join(", ".join(acts) or "–" for acts in rights.values()) + " |"
        for model, rights in table().items()
    ]
    fields = [line for model in table() for line in _lines_of_fields(model)]
    return _TITLE + "\n".join(lines) + "\n" + _ACTS + _FIELDS + "\n".join(fields) + "\n"


def _lines_of_fields(dotted: str) -> Iterator[str]:
    """A line for each set of roles with the same fields of this model."""
    if dotted in _MODELS_OF_OTHERS or dotted in _EXPORTS:
        return
    same: dict[tuple[str, ...], list[str]] = {}
    for role in Role:
        cells = _fields_of(dotted, role)
        if cells:
            same.setdefault(cells, []).append(str(role))
    for cells, roles in same.items():
        yield f"| {dotted} | {', '.join(roles)} | " + " | ".join(cells) + " |"


def _fields_of(dotted: str, role: Role) -> tuple[str, ...]:
    """What a user of this role sees, writes when adding and when changing; () if nothing."""
    site = {model._meta.label_lower: (model, page) for model, page in admin.site._registry.items()}
    model, page = site[dotted]
    request = HttpRequest()
    request.user = User(role=role, is_staff=True)
    if not page.has_view_permission(request):
        return ()
    row = model()
    shown = _named(page, request, row)
    added = _written(page, request, None) if page.has_add_permission(request) else []
    changed = _written(page, request, row) if page.has_change_permission(request, row) else []
    return tuple(", ".join(names) or "–" for names in (shown, added, changed))


def _named(page: Any, request: HttpRequest, row: Model | None) -> list[str]:
    return [
        name
        for _title, part in page.get_fieldsets(request, row)
        for name in flatten(part["fields"])
    ]


def _written(page: Any, request: HttpRequest, row: Model | None) -> list[str]:
    closed = set(page.get_readonly_fields(request, row))
    return [name for name in _named(page, request, row) if name not in closed]
