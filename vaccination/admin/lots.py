"""Admin of a clinic's lots: receive, correct, waste, and set the lot of the day."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from booking.admin.filters import OwnClinicFilter, OwnDistrictFilter, RegionFilter
from booking.admin.people import as_fieldsets
from booking.exceptions import Refused
from booking.models import Clinic
from database.clock import known_today
from eligibility.admin.people import moment
from staff.actors import actor_of
from staff.names import actor_name
from staff.scoping import ScopedAdmin
from staff.services import staff_of
from vaccination.admin.forms import CorrectForm, LabelForm, ReceiveForm, WasteForm
from vaccination.enums import MovementKind, WasteReason
from vaccination.models import DefaultLot, Lot, LotMovement
from vaccination.services.lots import (
    clear_default_lot,
    correct_doses,
    receive_lot,
    relabel_lot,
    set_default_lot,
    waste_doses,
)
from web.posted import form_data


class LotClinicRegionFilter(RegionFilter):
    field = "clinic__region"


@admin.register(Lot)
class LotAdmin(ScopedAdmin[Lot]):
    """Read-only rows; what changes them are pages of their own, each calling a service."""

    clinic_path = "clinic"
    list_display = [
        "number", "vaccine", "state", "shown_left", "expires_on", "doses_received", "shown_given",
        "doses_wasted", "clinic",
    ]  # fmt: skip
    list_filter = ["vaccine", LotClinicRegionFilter, OwnDistrictFilter, OwnClinicFilter]
    list_select_related = ["clinic", "vaccine"]
    search_fields = ["number"]
    search_help_text = gettext_lazy("Lot number")
    ordering = ["-expires_on", "pk"]
    show_full_result_count = False
    fields = readonly_fields = (
        "number", "vaccine", "clinic", "expires_on", "state", "doses_received", "shown_given",
        "doses_wasted", "shown_left",
    )  # fmt: skip
    change_form_template = "admin/vaccination/lot/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Lot]:
        of_today = DefaultLot.objects.filter(lot=OuterRef("pk"), on=known_today())
        return super().get_queryset(request).annotate(is_of_today=Exists(of_today))

    def has_add_permission(self, request: HttpRequest) -> bool:
        # Lots are received by a clinic.
        return super().has_add_permission(request) and staff_of(request).clinic_id is not None

    def has_change_permission(self, request: HttpRequest, obj: Lot | None = None) -> bool:
        return False

    def has_count_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("vaccination.change_lot")

    @admin.display(description=gettext_lazy("doses given from it"))
    def shown_given(self, lot: Lot) -> int:
        return lot.doses_given

    @admin.display(description=gettext_lazy("doses left"))
    def shown_left(self, lot: Lot) -> int:
        return lot.doses_left

    @admin.display(description=gettext_lazy("state"))
    def state(self, lot: Any) -> str:
        if lot.recalled_at:
            return _("Recalled: give no dose of it")
        if lot.expires_on < known_today():
            return _("Expired")
        if not lot.doses_left:
            return _("Used up")
        return _("Lot of the day") if lot.is_of_today else _("In stock")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        name = "vaccination_lot_"
        return [
            path("<int:pk>/correct/", view(self.correct_view), name=f"{name}correct"),
            path("<int:pk>/waste/", view(self.waste_view), name=f"{name}waste"),
            path("<int:pk>/label/", view(self.label_view), name=f"{name}label"),
            path("<int:pk>/today/", view(require_POST(self.today_view)), name=f"{name}today"),
            *super().get_urls(),
        ]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        clinic = staff_of(request).clinic
        assert isinstance(clinic, Clinic)  # has_add_permission

        def receive(values: dict[str, Any]) -> Lot:
            return receive_lot(clinic=clinic, by=actor_of(staff_of(request)), **values)

        return self._act(
            request,
            ReceiveForm(form_data(request)),
            receive,
            title=_("Receive doses"),
            lead=_("Once the clinic has a lot here, every vaccination needs one."),
            submit=_("Receive"),
            done=_("%(lot)s: %(left)s doses left."),
        )

    def correct_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        lot = self._own(request, pk)

        def correct(values: dict[str, Any]) -> Lot:
            return correct_doses(lot=lot, by=actor_of(staff_of(request)), **values)

        return self._act(
            request,
            CorrectForm(form_data(request), initial={"received": lot.doses_received}),
            correct,
            lot=lot,
            title=_("Correct the doses received"),
            lead=_("%(lot)s: %(given)s given, %(wasted)s wasted, %(left)s left.") % facts_of(lot),
            submit=_("Correct"),
            done=_("%(lot)s: %(left)s doses left."),
        )

    def waste_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        lot = self._own(request, pk)

        def waste(values: dict[str, Any]) -> Lot:
            return waste_doses(
                lot=lot,
                doses=values["doses"],
                reason=WasteReason(values["reason"]),
                by=actor_of(staff_of(request)),
                key=values["key"],
            )

        return self._act(
            request,
            WasteForm(form_data(request)),
            waste,
            lot=lot,
            title=_("Wasted doses"),
            lead=_("%(lot)s: %(given)s given, %(wasted)s wasted, %(left)s left.") % facts_of(lot),
            submit=_("Record as wasted"),
            done=_("%(lot)s: %(left)s doses left."),
        )

    def label_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        lot = self._own(request, pk)

        def relabel(values: dict[str, Any]) -> Lot:
            return relabel_lot(lot=lot, by=actor_of(staff_of(request)), **values)

        return self._act(
            request,
            LabelForm(
                form_data(request),
                initial={"number": lot.number, "expires_on": lot.expires_on},
            ),
            relabel,
            lot=lot,
            title=_("Correct number or expiry"),
            lead=_("For a mistyped label. Doses given stay with the lot; the history keeps both."),
            submit=_("Correct"),
            done=_("%(lot)s: %(left)s doses left."),
        )

    def today_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Make it the lot of today, or with `act=clear` no longer."""
        lot = self._own(request, pk)
        today = known_today()
        try:
            if request.POST.get("act") == "clear":
                clear_default_lot(lot=lot, on=today)
            else:
                set_default_lot(lot=lot, on=today, by=actor_of(staff_of(request)))
        except Refused as refusal:
            messages.error(request, str(refusal))  # expired or used up since the page was made
        else:
            messages.success(request, _("Saved for today."))
        return HttpResponseRedirect(address_of(lot))

    def _own(self, request: HttpRequest, pk: int) -> Lot:
        """A lot in this user's scope; raises PermissionDenied or Http404."""
        if not self.has_count_permission(request):
            raise PermissionDenied
        lot: Lot = get_object_or_404(self.get_queryset(request), pk=pk)
        return lot

    def _act(
        self,
        request: HttpRequest,
        form: forms.Form,
        service: Callable[[dict[str, Any]], Lot],
        *,
        title: str,
        lead: str,
        submit: str,
        done: str,
        lot: Lot | None = None,
    ) -> HttpResponse:
        """Show the form, or call the service with its values and go to the lot."""
        if request.method == "POST" and form.is_valid():
            try:
                lot = service(form.cleaned_data)
            except Refused as refusal:
                form.add_error(None, str(refusal))
            else:
                messages.success(request, done % facts_of(lot))
                return HttpResponseRedirect(address_of(lot))
        crumbs = [self.list_crumb(), *([(lot.number, address_of(lot))] if lot else [])]
        shown = [name for name, field in form.fields.items() if not field.widget.is_hidden]
        return self.page(
            request,
            "admin/vaccination/form.html",
            title,
            crumbs=crumbs,
            status=422 if form.errors else 200,
            form=form,
            adminform=as_fieldsets(form, (None, shown)),
            lead=lead,
            submit=submit,
            back=address_of(lot) if lot else self.list_crumb()[1],
        )

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        lot: Any = kwargs.get("obj")
        if lot is not None:
            context |= {
                "may_count": self.has_count_permission(request),
                "may_be_today": self.has_count_permission(request) and not lot.recalled_at,
                "is_of_today": lot.is_of_today,
                "movements": movements_of(lot),
            }
        return super().render_change_form(request, context, *args, **kwargs)


def address_of(lot: Lot) -> str:
    return reverse("admin:vaccination_lot_change", args=[lot.pk])


def facts_of(lot: Lot) -> dict[str, Any]:
    return {
        "lot": lot.number,
        "given": lot.doses_given,
        "wasted": lot.doses_wasted,
        "left": lot.doses_left,
    }


def movements_of(lot: Lot) -> list[dict[str, Any]]:
    """The last movements of a lot, newest first, for its page."""
    rows: list[LotMovement] = list(lot.movements.order_by("-pk")[:50])
    names = {by: actor_name(by) for by in {row.by for row in rows}}
    return [
        {
            "at": moment(row.at),
            "kind": row.get_kind_display(),
            "doses": f"{row.doses:+d}",
            "reason": WasteReason(row.reason).label
            if row.kind == MovementKind.WASTED
            else row.reason or "–",
            "by": names[row.by],
        }
        for row in rows
    ]
