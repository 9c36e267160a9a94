from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import AdminForm
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from dataio.districts import REGIONS, districts_of
from staff.accounts import AccountRefused, decide_on, may_decide
from staff.enums import AT_A_CLINIC, RequestStatus, Role
from staff.models import RoleRequest, User
from staff.pages import fieldsets_of
from staff.services import staff_of
from web.careful_admin import CarefulMixin


class RoleForm(forms.Form):
    """A role with its clinic or region, as the constraints of User require."""

    role = forms.ChoiceField(
        label=gettext_lazy("Role"), choices=[("", "–"), *Role.choices], required=False
    )
    clinic = forms.CharField(
        label=gettext_lazy("Clinic"),
        required=False,
        max_length=20,
        help_text=gettext_lazy("Code of the clinic, for roles that work at one"),
    )
    region = forms.ChoiceField(
        label=gettext_lazy("Region"),
        choices=[("", "–"), *((name, name) for name in REGIONS)],
        required=False,
        help_text=gettext_lazy("For local governments"),
    )
    district = forms.CharField(
        label=gettext_lazy("District"),
        required=False,
        max_length=30,
        help_text=gettext_lazy("Empty: the whole region"),
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        min_length=5,
        max_length=200,
        help_text=gettext_lazy("Kept with the request."),
    )

    def __init__(self, *args: Any, initial: dict[str, Any] | None = None, **kwargs: Any) -> None:
        initial = {**(initial or {})}
        if initial.get("clinic"):
            initial["clinic"] = initial["clinic"].code
        kwargs["initial"] = initial
        super().__init__(*args, **kwargs)

    def as_fieldsets(self) -> AdminForm:
        return fieldsets_of(self, [(None, {"fields": list(self.fields)})])

    def clean_clinic(self) -> Any:
        code = self.cleaned_data["clinic"].strip()
        if not code:
            return None
        # Through the field: staff lies below booking and can't import its models.
        clinics = User._meta.get_field("clinic").related_model._default_manager
        clinic = clinics.filter(code=code).first()
        if clinic is None:
            raise forms.ValidationError(_("There is no clinic with this code."))
        return clinic

    def clean(self) -> None:
        super().clean()
        values = self.cleaned_data
        role, region = values.get("role"), values.get("region")
        if role in AT_A_CLINIC and not values.get("clinic") and "clinic" not in self.errors:
            self.add_error("clinic", _("Choose the clinic this person works at."))
        if role == Role.LOCAL and not region:
            self.add_error("region", _("Choose the region this person works for."))
        districts = districts_of(region) if region else []
        if role == Role.LOCAL and values.get("district") and values["district"] not in districts:
            self.add_error("district", _("There is no such district in this region."))


@admin.register(RoleRequest)
class RoleRequestAdmin(CarefulMixin[RoleRequest], admin.ModelAdmin[RoleRequest]):
    """Role requests; an open one waits for a second user's decision."""

    change_form_template = "admin/staff/rolerequest/change_form.html"
    list_display = ["number", "user", "role", "clinic", "region", "status", "asked_by", "asked_at"]
    list_filter = ["status", "role"]
    list_select_related = ["user", "clinic", "asked_by", "decided_by"]
    search_fields = ["user__username", "asked_by__username"]
    fields = readonly_fields = (
        "user",
        "role",
        "clinic",
        "region",
        "district",
        "reason",
        "status",
        "asked_by",
        "asked_at",
        "decided_by",
        "decided_at",
    )

    @admin.display(description=gettext_lazy("number"))
    def number(self, role_request: RoleRequest) -> str:
        return str(role_request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # asked for on the account's page

    def has_change_permission(self, request: HttpRequest, obj: RoleRequest | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: RoleRequest | None = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.decide_view))
        return [
            path("<int:pk>/decide/", view, name="staff_rolerequest_decide"),
            *super().get_urls(),
        ]

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        role_request: RoleRequest | None = kwargs.get("obj")
        is_open = role_request is not None and role_request.status == RequestStatus.OPEN
        context["may_decide"] = bool(
            role_request and is_open and may_decide(staff_of(request), role_request)
        )
        context["waits"] = is_open and not context["may_decide"]
        return super().render_change_form(request, context, *args, **kwargs)

    def decide_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        role_request = get_object_or_404(RoleRequest, pk=pk)
        verdict = request.POST.get("verdict")
        if verdict not in ("grant", "refuse"):
            raise PermissionDenied
        try:
            role_request = decide_on(
                request=role_request, granted=verdict == "grant", by=staff_of(request)
            )
        except AccountRefused as refusal:
            raise PermissionDenied(str(refusal)) from refusal
        if role_request.status == RequestStatus.GRANTED:
            messages.success(request, _("Granted. If the account is new, make its link now."))
            return HttpResponseRedirect(
                reverse("admin:staff_user_change", args=[role_request.user_id])
            )
        messages.success(request, _("Refused."))
        return HttpResponseRedirect(
            reverse("admin:staff_rolerequest_change", args=[role_request.pk])
        )
