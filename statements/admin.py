"""Admin of the texts for the public and of the numbers to call; each change is kept in the row's
history."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest

from staff.scoping import ScopedAdmin
from statements import messages_admin  # noqa: F401  # registers itself
from statements.enums import Subject
from statements.models import HelpLine, Statement
from statements.reading import field_of, sample


@admin.register(Statement)
class StatementAdmin(ScopedAdmin[Statement]):
    """One row for each subject: a new one begins with the sample text."""

    list_display = ["subject", "in_force_from"]
    fields = ["subject", "in_force_from", "text_ko", "text_en", "text_zh_hans", "text_vi"]
    ordering = ["subject"]

    def get_readonly_fields(self, request: HttpRequest, obj: Statement | None = None) -> list[str]:
        # A text under another subject would have a history that is not its own.
        return ["subject"] if obj else []

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        initial = super().get_changeform_initial_data(request)
        if initial.get("subject") in Subject.values:
            subject = Subject(initial["subject"])
            initial |= {field_of(code): sample(subject, code) for code, _name in settings.LANGUAGES}
        return initial


@admin.register(HelpLine)
class HelpLineAdmin(ScopedAdmin[HelpLine]):
    """A number that is not to be called any more is hidden, not deleted."""

    list_display = ["name_ko", "region", "number", "days", "opens_at", "closes_at", "active"]
    list_filter = ["active", "region"]
    search_fields = ["name_ko", "name_en", "number"]
    fields = [
        *("region", "name_ko", "name_en", "number"),
        *("days", "opens_at", "closes_at", "relay", "active"),
    ]
