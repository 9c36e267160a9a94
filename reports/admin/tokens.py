"""Admin of tokens: made by the health authority, shown once, revoked by a button."""

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from bulk.values import shown
from database.clock import known_today
from reports.admin.texts import titles_of
from reports.definitions import EXPORTS
from reports.forms import region_field
from reports.models import ExportToken
from reports.selection import SHORTEST_REASON
from reports.tokens import LONGEST, make_token, revoke_token
from staff.pages import StaffPages, fieldsets_of
from staff.services import staff_of
from web.careful_admin import CarefulMixin
from web.inputs import DayInput


class TokenForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=40,
        help_text=gettext_lazy("Which program of whom. It stands in the record of each taking."),
    )
    exports = forms.MultipleChoiceField(
        label=gettext_lazy("Exports"), widget=forms.CheckboxSelectMultiple
    )
    region = region_field()
    recipient = forms.CharField(
        label=gettext_lazy("Keys of people for"), max_length=40, required=False
    )
    names = forms.BooleanField(
        label=gettext_lazy("With names, dates of birth and phone numbers"), required=False
    )
    until = forms.DateField(
        label=gettext_lazy("Good until"),
        widget=DayInput(),
        help_text=gettext_lazy("A year at most."),
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"), min_length=SHORTEST_REASON, max_length=200
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        exports = self.fields["exports"]
        assert isinstance(exports, forms.MultipleChoiceField)
        exports.choices = [(name, str(export.title)) for name, export in EXPORTS.items()]

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if ExportToken.objects.filter(name=name).exists():
            raise forms.ValidationError(_("There is a token of this name."))
        return name

    def clean_until(self) -> datetime:
        """The end of that day."""
        until, today = self.cleaned_data["until"], known_today()
        if not today <= until <= today + LONGEST:
            raise forms.ValidationError(_("Choose a day from today on, a year ahead at most."))
        return timezone.make_aware(datetime.combine(until + timedelta(days=1), time.min))

    def clean(self) -> None:
        super().clean()
        values = self.cleaned_data
        if values.get("names") and values.get("recipient"):
            self.add_error("recipient", _("Keys and names of people are not taken in one file."))
        without = [
            str(EXPORTS[name].title)
            for name in values.get("exports", [])
            if values.get("region") and not EXPORTS[name].source.has_region
        ]
        if without:
            text = _("These exports have no regions: %s") % ", ".join(without)
            self.add_error("region", text)


@admin.register(ExportToken)
class ExportTokenAdmin(CarefulMixin[ExportToken], StaffPages[ExportToken]):
    """Read-only but for making and revoking."""

    list_display = ["name", "opens", "state", "shown_until", "shown_use"]
    list_select_related = ["made_by", "revoked_by"]
    fields = readonly_fields = (
        "name", "hint", "opens", "region", "recipient", "names", "reason", "state", "shown_until",
        "shown_use", "made_by", "shown_made", "revoked_by",
    )  # fmt: skip
    change_form_template = "admin/reports/exporttoken/change_form.html"

    def has_change_permission(self, request: HttpRequest, obj: ExportToken | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ExportToken | None = None) -> bool:
        return False

    def may_revoke(self, request: HttpRequest) -> bool:
        return request.user.has_perm("reports.change_exporttoken")

    @admin.display(description=gettext_lazy("exports"))
    def opens(self, token: ExportToken) -> str:
        return titles_of(token.exports)

    @admin.display(description=gettext_lazy("state"))
    def state(self, token: ExportToken) -> str:
        if token.revoked_at:
            return _("revoked %s") % shown(token.revoked_at)
        return _("good") if token.expires_at.date() > known_today() else _("run out")

    @admin.display(description=gettext_lazy("expires at"), ordering="expires_at")
    def shown_until(self, token: ExportToken) -> str:
        return shown(token.expires_at)

    @admin.display(description=gettext_lazy("last used at"))
    def shown_use(self, token: ExportToken) -> str:
        return shown(token.last_used_at)

    @admin.display(description=gettext_lazy("made at"))
    def shown_made(self, token: ExportToken) -> str:
        return shown(token.made_at)

    def get_urls(self) -> list[URLPattern]:
        revoke = require_POST(self.revoke_view)
        return [
            path(
                "<int:pk>/revoke/",
                self.admin_site.admin_view(revoke),
                name="reports_exporttoken_revoke",
            ),
            *super().get_urls(),
        ]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Make a token; its key is shown on the answer and never again."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = TokenForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            values = form.cleaned_data
            token, key = make_token(
                name=values["name"],
                exports=values["exports"],
                region=values["region"],
                names=values["names"],
                recipient=values["recipient"],
                reason=values["reason"],
                expires_at=values["until"],
                by=staff_of(request),
            )
            return self._show(request, token, key)
        return self.act_page(
            request,
            _("New token"),
            lead=_("A program shows the token with each request to /exports/."),
            submit=_("Make the token"),
            form=form,
            adminform=fieldsets_of(form, [(None, {"fields": list(form.fields)})]),
            back=reverse("admin:reports_exporttoken_changelist"),
            status=422 if form.errors else 200,
        )

    def _show(self, request: HttpRequest, token: ExportToken, key: str) -> HttpResponse:
        def page(_request: HttpRequest) -> HttpResponse:
            return self.page(
                request, "admin/reports/exporttoken/made.html", token.name, token=token, key=key
            )

        return never_cache(page)(request)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        response = super().changeform_view(request, object_id, *args, **kwargs)
        context = getattr(response, "context_data", None)
        if context is not None:
            token = context.get("original")
            is_good = token is not None and token.revoked_at is None
            context["may_revoke"] = is_good and self.may_revoke(request)
        return response

    def revoke_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.may_revoke(request):
            raise PermissionDenied
        token = get_object_or_404(ExportToken, pk=pk)
        revoke_token(token=token, by=staff_of(request))
        messages.success(request, _("The token opens nothing any more."))
        return HttpResponseRedirect(reverse("admin:reports_exporttoken_change", args=[pk]))
