"""The texts of messages, which the authority may set instead of the shipped ones."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from messaging.enums import Channel
from messaging.lengths import length_of
from messaging.models import OwnText
from messaging.wordings import (
    MOST_LETTERS,
    Wording,
    fill,
    forget_kept,
    problems_of,
    samples_of,
    shipped,
    wordings,
)
from staff.scoping import ScopedAdmin
from web.posted import form_data


@dataclass(frozen=True)
class Preview:
    """A text filled in with long sample values."""

    text: str
    # What is to be known of its length, and the letters that no text message can carry.
    length: str = ""
    lost: str = ""


class TextForm(forms.Form):
    text = forms.CharField(
        label=gettext_lazy("own text"),
        required=False,
        max_length=MOST_LETTERS,
        strip=True,
        widget=forms.Textarea(attrs={"rows": 8, "cols": 70}),
        help_text=gettext_lazy("Empty: the shipped text."),
    )

    def __init__(self, *args: Any, wording: Wording, channel: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.wording, self.channel = wording, channel

    def clean_text(self) -> str:
        # Browsers send CRLF; a text has one sign for a line.
        text = str(self.cleaned_data["text"]).replace("\r\n", "\n")
        problems = problems_of(text, self.wording) if text else []
        if text and self.channel == Channel.EMAIL and "\n\n" not in text:
            problems.append(_("The first line is the subject; an empty line follows it."))
        if problems:
            raise forms.ValidationError(problems)
        return text


class MessageFilter(admin.SimpleListFilter):
    """By message, with its label instead of its code."""

    title = gettext_lazy("message")
    parameter_name = "message"

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]
    ) -> list[tuple[str, str]]:
        return [(wording.code, str(wording.label)) for wording in wordings.values()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[OwnText]) -> QuerySet[OwnText]:
        return queryset.filter(code=self.value()) if self.value() else queryset


@admin.register(OwnText)
class OwnTextAdmin(ScopedAdmin[OwnText]):
    """One row for each message, language and channel; the history holds what it said before."""

    list_display = ["message", "language", "channel", "whose", "length"]
    list_filter = [MessageFilter, "language", "channel"]
    ordering = ["code", "language", "channel"]
    list_per_page = 100
    sortable_by = ()

    # Rows are made by a release, not by hand.
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.display(description=gettext_lazy("message"))
    def message(self, row: OwnText) -> str:
        wording = wordings.get(row.code)
        return str(wording.label) if wording else row.code

    @admin.display(description=gettext_lazy("whose text"))
    def whose(self, row: OwnText) -> str:
        return _("Own text") if row.text else _("Shipped text")

    @admin.display(description=gettext_lazy("length"))
    def length(self, row: OwnText) -> str:
        wording = wordings.get(row.code)
        if wording is None:
            return ""
        text = row.text or shipped(wording, Channel(row.channel), row.language)
        return _preview(row, text, samples_of(wording, row.language)).length

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        row = self.row_of(request, object_id)
        wording = wordings.get(row.code)
        if wording is None:
            raise Http404
        if not self.has_view_or_change_permission(request, row):
            raise PermissionDenied
        may_change = self.has_change_permission(request, row)
        if request.method == "POST" and not may_change:
            raise PermissionDenied
        # A preview saves nothing; the shipped text comes back whatever is typed.
        data = form_data(request)
        initial = {"text": row.text}
        form = TextForm(data, initial=initial, wording=wording, channel=row.channel)
        if data is not None and "_shipped" in data:
            return self._save(request, row, "")
        if data is not None and form.is_valid() and "_preview" not in data:
            return self._save(request, row, form.cleaned_data["text"])
        text = form.cleaned_data.get("text", "") if data is not None else row.text
        default = shipped(wording, Channel(row.channel), row.language)
        samples = samples_of(wording, row.language)
        return self.page(
            request,
            "admin/messaging/owntext/change.html",
            f"{wording.label} · {row.get_language_display()} · {row.get_channel_display()}",
            row=row,
            form=form,
            may_change=may_change,
            shipped=default,
            variables=[
                (f"{{{item.name}}}", item.label, item.needed, samples[item.name])
                for item in wording.variables
            ],
            preview=None if form.errors else _preview(row, text or default, samples),
            status=422 if form.errors else 200,
        )

    # The middleware of the admin notes who changed the row.
    def _save(self, request: HttpRequest, row: OwnText, text: str) -> HttpResponse:
        row.text = text
        row.save(update_fields=["text"])
        forget_kept()
        answer = (
            _("This text is used from now on.") if text else _("The shipped text is used again.")
        )
        messages.success(request, answer)
        return HttpResponseRedirect(request.path)


def _preview(row: OwnText, text: str, samples: dict[str, object]) -> Preview:
    filled = fill(text, samples)
    # Only a text message is paid by its length.
    if row.channel != Channel.SMS:
        return Preview(filled)
    length = length_of(filled)
    size = ngettext("%(count)s byte", "%(count)s bytes", length.bytes) % {"count": length.bytes}
    kind = _("long message (LMS)") if length.is_long else _("short message (SMS)")
    return Preview(filled, f"{size} · {kind}", length.lost)
