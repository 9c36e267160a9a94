"""Admin of recalls: find a lot, see how many got it, write to all of them, and watch."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from booking.admin.people import as_fieldsets
from booking.enums import ReservationStatus
from booking.exceptions import Refused
from booking.models import Clinic
from eligibility.admin.people import moment
from eligibility.spelling import shown_phone
from messaging.enums import MessageStatus
from staff.actors import actor_of
from staff.enums import Act
from staff.names import actor_name
from staff.scoping import ScopedAdmin
from staff.services import record_access, staff_of
from vaccination.admin.forms import FindLotForm, RecallForm
from vaccination.enums import Manifestation, RecallStatus
from vaccination.models import Lot, Recall
from vaccination.services.recalls import enqueue_recall, lots_of, recipients_of, start_recall

REFRESH_SECONDS = 3
# People on one page; each page is recorded as seen.
PAGE = 100
MOST_LOTS = 200  # clinics listed in a preview


@admin.register(Recall)
class RecallAdmin(ScopedAdmin[Recall]):
    clinic_path = "clinic"
    list_display = ["lot_number", "vaccine", "where", "practice", "status", "progress", "started"]
    list_filter = ["status", "practice"]
    list_select_related = ["vaccine", "clinic"]
    fields = readonly_fields = (
        "lot_number", "vaccine", "where", "practice", "status", "progress", "written", "text_ko",
        "text_en", "by_whom", "started", "ended", "people_list",
    )  # fmt: skip

    def has_change_permission(self, request: HttpRequest, obj: Recall | None = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("clinic"))
    def where(self, recall: Recall) -> str:
        return recall.clinic.name if recall.clinic else _("All clinics")

    @admin.display(description=gettext_lazy("progress"))
    def progress(self, recall: Recall) -> str:
        return format_html(
            '<progress max="{}" value="{}"></progress> {} / {}',
            max(recall.people, 1),
            recall.done,
            recall.done,
            recall.people,
        )

    @admin.display(description=gettext_lazy("created at"))
    def started(self, recall: Recall) -> str:
        return moment(recall.created_at)

    @admin.display(description=gettext_lazy("ended at"))
    def ended(self, recall: Recall) -> str:
        return moment(recall.ended_at)

    @admin.display(description=gettext_lazy("by"))
    def by_whom(self, recall: Recall) -> str:
        return actor_name(recall.by)

    @admin.display(description=gettext_lazy("people"))
    def people_list(self, recall: Recall) -> str:
        address = reverse("admin:vaccination_recall_people", args=[recall.pk])
        return format_html('<a href="{}">{}</a>', address, _("Who got this lot"))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        people = path("<int:pk>/people/", view(self.people_view), name="vaccination_recall_people")
        return [people, *super().get_urls()]

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        response = super().changeform_view(request, object_id, *args, **kwargs)
        recall = (getattr(response, "context_data", None) or {}).get("original")
        if recall is not None and recall.status != RecallStatus.DONE:
            # By a header, as it needs no script.
            response["Refresh"] = str(REFRESH_SECONDS)
        return response

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Find the lot by GET; then its preview with the message, which POST sends."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            form = RecallForm(request.POST)
            if form.is_valid():
                started = self._start(request, form)
                if started:
                    return started
            return self._preview(request, form, form.cleaned_data, status=422)
        # A lot number is no personal data: it may stand in an address.
        found = FindLotForm(request.GET or None)
        if found.is_valid():
            return self._preview(
                request, RecallForm(initial=found.cleaned_data), found.cleaned_data
            )
        return self.page(
            request,
            "admin/vaccination/recall/find.html",
            _("Recall a lot"),
            status=422 if found.errors else 200,
            form=found,
            adminform=as_fieldsets(found, (None, ["vaccine", "number"])),
        )

    def _start(self, request: HttpRequest, form: RecallForm) -> HttpResponse | None:
        try:
            recall = start_recall(
                clinic=self._clinic(request), by=actor_of(staff_of(request)), **form.cleaned_data
            )
        except Refused as refusal:
            form.add_error(None, str(refusal))
            return None
        messages.success(
            request,
            _("Lot %(lot)s: %(count)s people.")
            % {"lot": recall.lot_number, "count": recall.people},
        )
        return HttpResponseRedirect(reverse("admin:vaccination_recall_change", args=[recall.pk]))

    def _clinic(self, request: HttpRequest) -> Clinic | None:
        """The user's clinic; None (all) for users of the whole country."""
        # Managers have one; users of the whole country (roles with the right to add) have none.
        clinic: Clinic | None = staff_of(request).clinic
        return clinic

    def _preview(
        self, request: HttpRequest, form: RecallForm, found: dict[str, Any], status: int = 200
    ) -> HttpResponse:
        lots: list[Lot] = []
        if found.get("vaccine") and found.get("number"):
            clinic = self._clinic(request)
            rows = lots_of(
                vaccine_id=found["vaccine"].pk,
                number=found["number"],
                clinic_id=clinic.pk if clinic else None,
            )
            lots = list(rows.select_related("clinic").order_by("-doses_given", "pk"))
        shown = ["text_ko", "text_en", "practice"]
        return self.page(
            request,
            "admin/vaccination/recall/preview.html",
            _("Recall a lot"),
            status=status,
            form=form,
            adminform=as_fieldsets(form, (None, shown)),
            vaccine=found.get("vaccine") or "",
            number=found.get("number") or "",
            wrong_lot=[*form.errors.get("vaccine", []), *form.errors.get("number", [])],
            lots=lots[:MOST_LOTS],
            clinics=len(lots),
            people=sum(lot.doses_given for lot in lots),
            left=sum(lot.doses_left for lot in lots),
            back=reverse("admin:vaccination_recall_add"),
        )

    def people_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Who got the lot, with their state, a page at a time; POST asks a worker again."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        recall = get_object_or_404(self.get_queryset(request), pk=pk)
        if request.method == "POST":
            if not self.has_add_permission(request):
                raise PermissionDenied
            enqueue_recall(recall.pk)
            return HttpResponseRedirect(request.path)
        rows = recipients_of(recall)
        page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
        doses: list[Any] = list(page.object_list)
        if doses:
            people = [dose.person_id for dose in doses]
            data = {"lot": recall.lot_number}
            record_access(request, act=Act.LIST, what="recall_people", data=data, people=people)
        return self.page(
            request,
            "admin/vaccination/recall/people.html",
            _("Who got this lot"),
            crumbs=[
                self.list_crumb(),
                (
                    recall.lot_number,
                    reverse("admin:vaccination_recall_change", args=[recall.pk]),
                ),
            ],
            recall=recall,
            page=page,
            rows=[_state_of(dose) for dose in doses],
        )


def _state_of(dose: Any) -> dict[str, Any]:
    """A recipient with their `recalls.State` in words."""
    return {
        "dose": dose,
        "phone": shown_phone(dose.person.phone),
        "given_at": moment(dose.given_at),
        "reactions": [Manifestation(code).label for code in dose.reactions],
        "next": ReservationStatus(dose.next_status).label if dose.next_status else "",
        "message": MessageStatus(dose.message_status).label if dose.message_status else "",
    }
