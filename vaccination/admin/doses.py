"""Admin of doses given, and the pages of one person's vaccination at the clinic."""

from functools import cache
from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from booking.admin.people import PersonColumns
from booking.enums import ReservationStatus
from booking.exceptions import Refused
from booking.models import Reservation
from booking.rules import day_of
from booking.services.visits import why_not_mark
from database.clock import known_now, known_today
from eligibility.admin import people_meant
from eligibility.admin.people import moment
from staff.actors import actor_of, user_id_of
from staff.enums import Act
from staff.models import User
from staff.names import actor_name, actor_names
from staff.scoping import PersonalDataMixin, ScopedAdmin
from staff.services import staff_of
from vaccination.admin.answers import AnswerPages, actors_of, response_shown, screening_of
from vaccination.admin.forms import DoseForm, NotDoneForm, ReactionForm, Screening
from vaccination.enums import Manifestation, Site
from vaccination.models import DoseGiven, Lot, Reaction
from vaccination.services.doses import (
    correct_dose,
    form_address,
    record_dose,
    record_not_done,
    record_reaction,
)
from vaccination.services.lots import default_lots, keeps_lots, usable_lots
from vaccination.services.questionnaires import content_of
from web.posted import form_data

S = ReservationStatus


@admin.register(DoseGiven)
class DoseGivenAdmin(
    PersonColumns, AnswerPages, PersonalDataMixin[DoseGiven], ScopedAdmin[DoseGiven]
):
    """Read-only rows; `record_view` and its neighbours call services."""

    clinic_path = "clinic"
    search_first = True
    list_display = [
        "number", "name", "birth_date", "when", "clinic", "vaccine", "dose_number", "lot", "site",
    ]  # fmt: skip
    list_filter = ["vaccine", "site"]
    list_select_related = ["reservation__person", "clinic", "vaccine", "lot"]
    search_fields = ["pk"]  # only makes the admin show the box; `find` searches
    search_help_text = gettext_lazy(
        "Lot number, mobile phone, or name and date of birth (김영희 1962-03-01)"
    )
    ordering = ["-pk"]
    sortable_by = ()
    show_full_result_count = False
    fields = readonly_fields = (
        "number", "name", "birth_date", "when", "clinic", "vaccine", "dose_number", "lot", "site",
        "identity", "given_by", "late_reason", "shown_recorded_at", "by_whom",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[DoseGiven]:
        return super().get_queryset(request).select_related("reservation__person")

    def people_of(self, rows: Any) -> list[int]:
        return [row.reservation.person_id for row in rows]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # by the page of a reservation only

    def has_change_permission(self, request: HttpRequest, obj: DoseGiven | None = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("reservation"))
    def number(self, dose: DoseGiven) -> str:
        return dose.reservation.number

    @admin.display(description=gettext_lazy("given at"))
    def when(self, dose: DoseGiven) -> str:
        return moment(dose.given_at)

    @admin.display(description=gettext_lazy("recorded at"))
    def shown_recorded_at(self, dose: DoseGiven) -> str:
        return moment(dose.recorded_at)

    @admin.display(description=gettext_lazy("vaccinator"))
    def given_by(self, dose: DoseGiven) -> str:
        return actor_name(dose.vaccinator)

    @admin.display(description=gettext_lazy("recorded by"))
    def by_whom(self, dose: DoseGiven) -> str:
        return actor_name(dose.by)

    def find(self, queryset: QuerySet[DoseGiven], term: str) -> QuerySet[DoseGiven]:
        people = people_meant(term)
        if people is not None:
            return queryset.filter(reservation__person__in=people)
        return queryset.filter(lot__in=Lot.objects.filter(number=term.strip().upper()))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        name = "vaccination_dosegiven_"
        of = "of/<int:reservation_id>/"
        return [
            path(of, view(self.record_view), name=f"{name}record"),
            path(f"{of}not-done/", view(self.not_done_view), name=f"{name}not_done"),
            path(f"{of}reaction/", view(self.reaction_view), name=f"{name}reaction"),
            *super().get_urls(),
        ]

    def record_view(self, request: HttpRequest, reservation_id: int) -> HttpResponse:
        """One person's vaccination: to record, to correct, or as it is."""
        row = self.visit(request, reservation_id)
        dose = DoseGiven.objects.with_visit().filter(reservation=row).first()
        response = response_shown(row, staff_of(request))
        content = cache(content_of)  # of the version that they answered, read once
        screening = Screening.NONE if dose else screening_of(response, content)
        form = self._dose_form(request, row, dose, screening)
        if request.method == "POST" and form.is_valid():
            try:
                self._save(request, row, dose, form)
            except Refused as refusal:
                form.add_error(None, str(refusal))
                row.refresh_from_db()
            else:
                self.note(request, Act.CHANGE, row)
                return self.to_sheet(request, row, str(S.VACCINATED.label))
        elif request.method != "POST":
            self.note(request, Act.DETAIL, row)
        names = actor_names([*actors_of(response), *([dose.by] if dose else [])])
        reactions = Reaction.objects.filter(reservation=row).order_by("pk") if dose else []
        return self.visit_page(
            request,
            row,
            "admin/vaccination/dosegiven/record.html",
            form=form,
            dose=dose,
            dose_by=names[dose.by] if dose else "",
            dose_lot=dose.lot.number if dose and dose.lot else "–",
            dose_site=dose.get_site_display() if dose and dose.site else "–",
            reactions=[reaction.get_manifestation_display() for reaction in reactions],
            questions=self.questions_summary(request, row, response, names, content),
            may_record=dose is not None or not _refusal(row),
            refusal=str(_refusal(row) or "") if dose is None and not form.errors else "",
            sites=[
                {"value": site.value, "label": site.label, "is_arm": site in _ARMS} for site in Site
            ],
        )

    def _save(
        self, request: HttpRequest, row: Reservation, dose: DoseGiven | None, form: DoseForm
    ) -> None:
        by, shown = actor_of(staff_of(request)), form.cleaned_data["status_shown"]
        # A page from before the dose was recorded corrects nothing: record_dose tells who did.
        if dose and shown == S.VACCINATED:
            correct_dose(dose=dose, details=form.details, by=by)
        else:
            record_dose(reservation=row, details=form.details, by=by, status_shown=shown)

    def _dose_form(
        self,
        request: HttpRequest,
        row: Reservation,
        dose: DoseGiven | None,
        screening: Screening,
    ) -> DoseForm:
        on = day_of(dose.given_at) if dose else min(day_of(row.slot.starts_at), known_today())
        clinic_id, vaccine_id = row.slot.clinic_id, row.slot.vaccine_id
        lots = usable_lots(clinic_id=clinic_id, vaccine_id=vaccine_id, on=on)
        # The lot of a recorded dose stays a choice, also when it is used up or expired since.
        if dose and dose.lot_id:
            lots = Lot.objects.filter(Q(pk=dose.lot_id) | Q(pk__in=lots.values("pk")))
        preselected = dose.lot_id if dose else _preselected(lots, clinic_id, vaccine_id, on)
        user = staff_of(request)
        # Nurses without an account are recorded by a colleague's: the choice is of accounts.
        colleagues = User.objects.filter(clinic_id=clinic_id, is_active=True)
        initial = {
            "lot": preselected,
            "vaccinator": (user_id_of(dose.vaccinator) if dose else None) or user.pk,
            "status_shown": row.status,
            **({"identity": dose.identity} if dose and dose.identity else {}),
        }
        return DoseForm(
            form_data(request),
            initial=initial,
            lots=lots,
            staff=User.objects.filter(Q(pk__in=colleagues.values("pk")) | Q(pk=user.pk)),
            needs_lot=bool(dose.lot_id) if dose else bool(lots) or keeps_lots(clinic_id),
            is_late=dose is None and _is_late(row),
            screening=screening,
        )

    def not_done_view(self, request: HttpRequest, reservation_id: int) -> HttpResponse:
        """Refused or postponed, with the reason; the dose may be booked again."""
        row = self.visit(request, reservation_id)
        form = NotDoneForm(form_data(request), initial={"status_shown": row.status})
        if request.method == "POST" and form.is_valid():
            try:
                record_not_done(
                    reservation=row,
                    details=form.details,
                    by=actor_of(staff_of(request)),
                    status_shown=form.cleaned_data["status_shown"],
                )
            except Refused as refusal:
                form.add_error(None, str(refusal))
                row.refresh_from_db()
            else:
                self.note(request, Act.CHANGE, row)
                return self.to_sheet(request, row, str(S.NOT_DONE.label))
        elif request.method != "POST":
            self.note(request, Act.DETAIL, row)
        return self.visit_page(
            request,
            row,
            "admin/vaccination/dosegiven/choice.html",
            end=_("Not vaccinated"),
            form=form,
            field=form["reason"],
            lead=_("The dose stays in the lot, and the person may book it again."),
            submit=_("Record"),
        )

    def reaction_view(self, request: HttpRequest, reservation_id: int) -> HttpResponse:
        """What was observed within the waiting time; it can't be changed afterwards."""
        row = self.visit(request, reservation_id)
        form = ReactionForm(form_data(request))
        if request.method == "POST" and form.is_valid():
            observed = Manifestation(form.cleaned_data["manifestation"])
            try:
                record_reaction(
                    reservation=row, manifestation=observed, by=actor_of(staff_of(request))
                )
            except Refused as refusal:
                form.add_error(None, str(refusal))
            else:
                self.note(request, Act.CHANGE, row)
                messages.success(request, f"{row.person.name} ({row.number}): {observed.label}")
                return HttpResponseRedirect(form_address(row))
        elif request.method != "POST":
            self.note(request, Act.DETAIL, row)
        return self.visit_page(
            request,
            row,
            "admin/vaccination/dosegiven/choice.html",
            end=_("Reaction"),
            form=form,
            field=form["manifestation"],
            lead=_("First help the person; trouble breathing or anaphylaxis: call 119."),
            submit=_("Record"),
        )


_ARMS = [Site.LEFT_ARM, Site.RIGHT_ARM]


def _is_late(row: Reservation) -> bool:
    """Whether the record needs a reason: no arrival, or an appointment of an earlier day."""
    return row.status == S.CONFIRMED or day_of(row.slot.starts_at) < known_today()


def _refusal(row: Reservation) -> Refused | None:
    """Why no dose can be recorded now; None if it can, with a reason where it is late."""
    if row.status == S.CONFIRMED:
        return why_not_mark(row, S.ARRIVED, now=known_now())
    if row.status == S.VACCINATED:  # of a release before doses were recorded
        return None
    return why_not_mark(row, S.VACCINATED, now=known_now())


def _preselected(lots: QuerySet[Lot], clinic_id: int, vaccine_id: int, on: Any) -> int | None:
    """The lot of the day, or the only one that can be given."""
    of_day = default_lots(clinic_id=clinic_id, on=on).get(vaccine_id)
    ids = [lot.pk for lot in lots]
    if of_day in ids:
        return of_day
    return ids[0] if len(ids) == 1 else None
