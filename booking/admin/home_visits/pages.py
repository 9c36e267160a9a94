"""Pages of visits to care homes: plan one, its people, move it, call it off, print its list."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET

from booking.admin.desk.changes import ReasonForm
from booking.admin.desk.wording import staff_message
from booking.admin.filters import DayFilter
from booking.admin.home_visits.forms import PlanForm, TimesForm, times_of
from booking.admin.home_visits.lists import ListPages, address_of
from booking.admin.sheets import sheet_address
from booking.enums import TAKING, ReservationStatus, VisitStatus
from booking.exceptions import Refused, VisitDoesNotFit
from booking.models import CareHome, HomeVisit, Reservation
from booking.rules import day_of
from booking.services.changes import cancel_reservation
from booking.services.courses import interval_of
from booking.services.home_visits import call_off, move_visit, plan_visit, set_places
from database.clock import known_now
from eligibility.models import Person
from staff.actors import actor_of
from staff.enums import Act
from staff.scoping import rows_for
from staff.services import record_access, staff_of
from web.posted import form_data


class VisitDayFilter(DayFilter):
    field = "slot__starts_at"


class HomeFilter(admin.SimpleListFilter):
    """The user's homes; a list of more than MOST is searched by name instead."""

    title = gettext_lazy("care home")
    parameter_name = "home"
    MOST = 30

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]
    ) -> list[tuple[str, str]]:
        homes = homes_for(request).order_by("name", "pk")[: self.MOST]
        return [(str(pk), name) for pk, name in homes.values_list("pk", "name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value() or ""
        return queryset.filter(slot__home=chosen) if chosen.isdecimal() else queryset


def homes_for(request: HttpRequest) -> QuerySet[CareHome]:
    homes = CareHome.objects.select_related("clinic")
    return rows_for(staff_of(request), homes, clinic_path="clinic", region_path="")


@admin.register(HomeVisit)
class HomeVisitAdmin(ListPages):
    """Visits of the user's clinic, or to the homes in the area of a local government."""

    clinic_path: ClassVar[str | None] = "slot__clinic"
    region_path: ClassVar[str | None] = "slot__home"
    list_display = ["when", "home", "clinic", "vaccine", "dose", "filled", "status"]
    list_filter = [VisitDayFilter, "status", HomeFilter]
    search_fields = ["slot__home__name"]
    search_help_text = gettext_lazy("Name of the care home")
    ordering = ["-slot__starts_at", "pk"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[HomeVisit]:
        rows = super().get_queryset(request)
        return rows.select_related("slot__home", "slot__clinic", "slot__vaccine")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        name = "booking_homevisit_"
        return [
            path("<int:pk>/edit/", view(self.edit_view), name=f"{name}edit"),
            path("<int:pk>/call-off/", view(self.call_off_view), name=f"{name}call_off"),
            path("<int:pk>/second/", view(self.second_view), name=f"{name}second"),
            path("<int:pk>/print/", view(require_GET(self.print_view)), name=f"{name}print"),
            path("<int:pk>/cancel/<int:row>/", view(self.cancel_view), name=f"{name}cancel"),
            *super().get_urls(),
        ]

    @admin.display(description=gettext_lazy("time"), ordering="slot__starts_at")
    def when(self, visit: HomeVisit) -> str:
        return f"{timezone.localtime(visit.slot.starts_at):%Y-%m-%d %H:%M}"

    @admin.display(description=gettext_lazy("care home"), ordering="slot__home__name")
    def home(self, visit: HomeVisit) -> str:
        return visit.slot.place.name

    @admin.display(description=gettext_lazy("clinic"))
    def clinic(self, visit: HomeVisit) -> str:
        return visit.slot.clinic.name

    @admin.display(description=gettext_lazy("vaccine"))
    def vaccine(self, visit: HomeVisit) -> str:
        return visit.slot.vaccine.name

    @admin.display(description=gettext_lazy("booked"))
    def filled(self, visit: HomeVisit) -> str:
        return f"{visit.slot.booked} / {visit.slot.visit_places}"

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Plan a visit; `home` in the query chooses the home."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        home = request.GET.get("home", "")
        initial = {"home": home if home.isdecimal() else None, "begins": "10:00", "ends": "12:00"}
        form = PlanForm(form_data(request), homes=homes_for(request), initial=initial)
        if request.method == "POST" and form.is_valid():
            values = form.cleaned_data
            chosen = {name: values[name] for name in ("home", "vaccine", "dose", "places")}
            try:
                visit = plan_visit(**chosen, **form.times(), by=actor_of(staff_of(request)))
            except Refused as refusal:
                form.add_error(None, staff_message(refusal))
            else:
                messages.success(request, _("The visit is planned. Now book its list."))
                return _to(visit)
        return self._form_page(request, _("Plan a visit"), form, submit=_("Plan the visit"))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The page of a visit: its people, and what may be done."""
        visit = self.visit(request, object_id)
        if request.method == "POST":
            raise PermissionDenied  # each act has an address of its own
        rows = self._rows(visit)
        self.record(request, Act.LIST, "visit", visit, [row.person_id for row in rows])
        taking = [row for row in rows if row.status in TAKING]
        return self.visit_page(
            request,
            "visit.html",
            visit,
            capfirst(str(self.opts.verbose_name)),
            crumbs=[self.list_crumb()],
            end=visit.slot.place.name,
            rows=rows,
            opens=self.visible(request, [row.pk for row in rows]),
            without_phone=sum(not row.person.phone for row in taking),
            acts=self._acts(request, visit),
            day_address=self._day_address(request, visit),
        )

    def _rows(self, visit: HomeVisit) -> list[Reservation]:
        rows = visit.slot.reservations.filter(
            status__in=[*TAKING, ReservationStatus.CANCELLED]
        ).select_related("person")
        # The cancelled last; names are encrypted, so the order is made here.
        return sorted(rows, key=lambda row: (row.status not in TAKING, row.person.name, row.number))

    def _acts(self, request: HttpRequest, visit: HomeVisit) -> dict[str, bool]:
        may_change = self.has_change_permission(request, visit)
        now = known_now()
        planned = may_change and visit.status == VisitStatus.PLANNED
        is_open = planned and day_of(visit.slot.starts_at) >= day_of(now)
        vaccine = visit.slot.vaccine
        return {
            "book": is_open,
            "edit": is_open,
            "call_off": is_open,
            "cancel": planned,
            "second": planned
            and self.has_add_permission(request)
            and visit.dose == 1
            and vaccine.doses > 1
            and not HomeVisit.objects.filter(first=visit).exists(),
        }

    def _day_address(self, request: HttpRequest, visit: HomeVisit) -> str:
        if not request.user.has_perm("booking.view_reservation"):
            return ""
        return sheet_address(visit.slot.clinic, day_of(visit.slot.starts_at))

    def edit_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Move the visit, with everybody, or change how many doses it has."""
        visit = self.visit_to_change(request, pk)
        form = TimesForm(form_data(request), initial=times_of(visit))
        unfit: list[Person] = []
        if request.method == "POST" and form.is_valid():
            by = actor_of(staff_of(request))
            try:
                with transaction.atomic():  # both or nothing
                    set_places(visit=visit, places=form.cleaned_data["places"], by=by)
                    moved = move_visit(visit=visit, **form.times(), by=by)
            except VisitDoesNotFit as refusal:
                form.add_error("day", staff_message(refusal))
                unfit = list(Person.objects.filter(pk__in=refusal.people).order_by("pk"))
                self.record(request, Act.LIST, "visit", visit, refusal.people)
            except Refused as refusal:
                form.add_error(None, staff_message(refusal))
            else:
                people = [row.person_id for row in self._rows(moved)]
                self.record(request, Act.CHANGE, "visit_move", moved, people)
                messages.success(request, _("Saved. If the time is another one, people are told."))
                return _to(moved)
        lead = _("Everybody on the list moves along, or nobody. People with a phone get a message.")
        return self._form_page(
            request, _("Change the visit"), form, visit, submit=_("Save"), lead=lead, unfit=unfit
        )

    def call_off_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        visit = self.visit_to_change(request, pk)
        if request.method == "POST":
            try:
                cancelled = call_off(visit=visit, by=actor_of(staff_of(request)))
            except Refused as refusal:
                messages.error(request, staff_message(refusal))
                return _to(visit)
            people = [row.person_id for row in cancelled]
            self.record(request, Act.CHANGE, "visit_call_off", visit, people)
            text = ngettext(
                "The visit is called off: %(n)s appointment was cancelled.",
                "The visit is called off: %(n)s appointments were cancelled.",
                len(cancelled),
            )
            messages.success(request, text % {"n": len(cancelled)})
            return _to(visit)
        booked = visit.slot.booked
        lead = ngettext(
            "%(n)s appointment is cancelled, and the second dose with it. The person gets a "
            "message, if there is a phone. This cannot be taken back.",
            "%(n)s appointments are cancelled, and second doses with their first. People with a "
            "phone get a message. This cannot be taken back.",
            booked,
        )
        return self.act_page(
            request,
            _("Call the visit off"),
            crumbs=self.crumbs(visit),
            lead=lead % {"n": booked},
            submit=_("Call the visit off"),
            back=address_of(visit),
        )

    def second_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Plan the visit for the second dose, on the best day unless another is chosen."""
        first = self.visit_to_change(request, pk)
        if not self._acts(request, first)["second"]:
            raise PermissionDenied
        interval, home = interval_of(first.slot.vaccine), first.slot.home
        assert home  # the slot of a visit has one
        day = day_of(first.slot.starts_at)
        initial = {
            **times_of(first),
            "day": interval.best_for_second(day),
            "places": max(first.slot.booked, 1),
        }
        form = TimesForm(form_data(request), initial=initial)
        if request.method == "POST" and form.is_valid():
            try:
                visit = plan_visit(
                    home=home,
                    vaccine=first.slot.vaccine,
                    dose=2,
                    places=form.cleaned_data["places"],
                    first=first,
                    by=actor_of(staff_of(request)),
                    **form.times(),
                )
            except Refused as refusal:
                form.add_error("day", staff_message(refusal))
            else:
                address = reverse("admin:booking_homevisit_list", args=[visit.pk])
                return HttpResponseRedirect(f"{address}?first=1")
        earliest, latest = (date_format(on, "Y-m-d") for on in interval.days_for_second(day))
        lead = _("The second dose is possible from %(start)s to %(end)s.")
        return self._form_page(
            request,
            _("Plan the second visit"),
            form,
            first,
            submit=_("Plan the visit"),
            lead=lead % {"start": earliest, "end": latest},
        )

    def cancel_view(self, request: HttpRequest, pk: int, row: int) -> HttpResponse:
        """Cancel the appointment of one resident; the dose is free for the list again."""
        visit = self.visit_to_change(request, pk)
        rows = visit.slot.reservations.select_related("person")
        reservation = get_object_or_404(rows, pk=row)
        form = ReasonForm(form_data(request))
        if request.method == "POST" and form.is_valid():
            try:
                done = cancel_reservation(reservation=reservation, by=actor_of(staff_of(request)))
            except Refused as refusal:
                messages.error(request, staff_message(refusal))
                return _to(visit)
            data = {
                "numbers": ", ".join(cancelled.number for cancelled in done),
                **form.cleaned_data,
            }
            people = [reservation.person_id]
            record_access(request, act=Act.CHANGE, what="cancel", data=data, people=people)
            messages.success(request, _("Cancelled. The dose is free for this visit again."))
            return _to(visit)
        self.record(request, Act.DETAIL, "visit", visit, [reservation.person_id])
        return self._form_page(
            request,
            _("Cancel the appointment"),
            form,
            visit,
            submit=_("Cancel the appointment"),
            lead=f"{reservation.person.name}, {reservation.shown_number}",
        )

    def print_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The list for the team and the home, with those whom no message reaches."""
        visit = self.visit(request, str(pk))
        rows = [row for row in self._rows(visit) if row.status in TAKING]
        self.record(request, Act.PRINT, "visit_print", visit, [row.person_id for row in rows])
        return self.visit_page(
            request,
            "print.html",
            visit,
            _("List to print"),
            crumbs=self.crumbs(visit),
            rows=rows,
            printed_at=known_now(),
            user=request.user,
        )

    def _form_page(
        self,
        request: HttpRequest,
        title: str,
        form: Any,
        visit: HomeVisit | None = None,
        *,
        submit: str,
        lead: str = "",
        unfit: Iterable[Person] = (),
    ) -> HttpResponse:
        return self.page(
            request,
            "admin/booking/home_visit/form.html",
            title,
            crumbs=self.crumbs(visit) if visit else None,
            status=422 if form.errors else 200,
            form=form,
            visit=visit,
            submit=submit,
            lead=lead,
            unfit=unfit,
            back=address_of(visit) if visit else self.list_crumb()[1],
        )


def _to(visit: HomeVisit) -> HttpResponseRedirect:
    return HttpResponseRedirect(address_of(visit))
