"""A row's history page, from the events that pghistory's triggers recorded."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from staff.actors import actor
from staff.names import actor_name
from staff.pages import Row, StaffPages

_BEFORE = "before"  # label of events with a row's state before a change; others have it after


@dataclass(frozen=True)
class Change:
    """One change of one row: when, by whom, and each field before and after."""

    at: datetime
    by: str
    fields: list[tuple[str, str, str]]


class HistoryMixin(StaffPages[Row]):
    """Replaces the admin's history page, whose log has only changes made in the admin."""

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row = self.row_of(request, unquote(object_id))
        if not self.has_view_or_change_permission(request, row):
            raise PermissionDenied
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
        address = reverse(name, args=[quote(row.pk)])
        return self.page(
            request,
            "admin/row_history.html",
            _("History of %s") % row,
            crumbs=[self.list_crumb(), (str(row), address)],
            end=_("History"),
            object=row,
            tracked=_event_model(type(row)) is not None,
            changes=changes_of(row),
            **(extra_context or {}),
        )


def changes_of(row: models.Model) -> list[Change]:
    """All recorded changes of a row, newest first."""
    model = _event_model(type(row))
    if model is None:
        return []
    events = list(
        model._default_manager.filter(pgh_obj_id=row.pk)
        .select_related("pgh_context")
        .order_by("pgh_id")
    )
    names = _Names()
    changes = [
        change
        for event, before, after in _pairs(events, row)
        if (change := _change(event, before, after, names))
    ]
    names.fill()
    names_of_actors = {by: actor_name(by) for _at, by, _fields in changes}
    return [
        Change(at, names_of_actors[by], [(label, old(), new()) for label, old, new in fields])
        for at, by, fields in reversed(changes)
    ]


def _event_model(model: type[models.Model]) -> type[models.Model] | None:
    trackers = [
        relation.related_model
        for relation in model._meta.related_objects
        if relation.field.name == "pgh_obj"
    ]
    return trackers[0] if trackers else None


def _pairs(events: list[Any], row: models.Model) -> Iterator[tuple[Any, Any, Any]]:
    """(event, state before or None, state after) for both kinds of events."""
    if any(event.pgh_label == _BEFORE for event in events):
        # The state after a change is the next event's state before, or the row as it is now.
        following = [*events[1:], row]
        yield from zip(events, events, following, strict=True)
    else:
        yield from zip(events, [None, *events][: len(events)], events, strict=True)


# (time, actor, fields), each field with its label and functions that give the texts before and
# after: they are called once all foreign keys of the page are read (_Names).
_Raw = tuple[datetime, str, list[tuple[str, Callable[[], str], Callable[[], str]]]]


def _change(event: Any, before: Any, after: Any, names: "_Names") -> _Raw | None:
    fields = []
    for field in _tracked(type(event)):
        old = getattr(before, field.attname, None) if before is not None else None
        new = getattr(after, field.attname, None)
        if old != new:
            label = str(type(after)._meta.get_field(field.name).verbose_name)
            fields.append((label, names.shown(field, old), names.shown(field, new)))
    if not fields:
        return None
    context = event.pgh_context
    metadata = context.metadata if context else {}
    user_id = metadata.get("user")
    # The admin's middleware records the user; commands and services their own `by`.
    by = actor(user_id) if user_id else metadata.get("by") or getattr(after, "by", None) or ""
    return event.pgh_created_at, by, fields


def _tracked(model: type[models.Model]) -> list[models.Field[Any, Any]]:
    """The recorded columns, without pghistory's own and those that repeat them."""
    return [
        field
        for field in model._meta.concrete_fields
        if not field.name.startswith("pgh_") and field.name not in ("id", "by", "changed_at")
    ]


class _Names:
    """Texts of foreign keys, read by one query per model for the whole page."""

    def __init__(self) -> None:
        self._keys: dict[type[models.Model], set[Any]] = {}
        self._rows: dict[type[models.Model], dict[str, Any]] = {}

    def shown(self, field: models.Field[Any, Any], value: Any) -> Callable[[], str]:
        related = field.related_model
        if related is not None and value is not None:
            self._keys.setdefault(related, set()).add(value)
            return lambda: str(self._rows[related].get(value, value))
        text = _text(field, value)
        return lambda: text

    def fill(self) -> None:
        for model, keys in self._keys.items():
            self._rows[model] = model._default_manager.in_bulk(keys)


def _text(field: models.Field[Any, Any], value: Any) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, datetime):
        return f"{timezone.localtime(value):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "–"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {part}" for key, part in value.items()) or "–"
    choices = dict(field.flatchoices) if field.choices else {}
    return str(choices.get(value, value))
