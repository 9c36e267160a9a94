"""Closing hours of a clinic: who is affected, the act, and taking it back."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from booking.admin.desk.wording import staff_message
from booking.admin.schedules import date_field, time_field
from booking.closing import FreeSlot, Step
from booking.enums import AffectedOutcome, ClosureMode, ClosureReason, ClosureStatus
from booking.exceptions import Refused
from booking.finder.availability import directory
from booking.models import Clinic, Closure, Reservation
from booking.services import closures
from booking.services.closure_plans import Hours, Situation, Wish
from database.clock import known_now, known_today
from staff.actors import actor_of
from staff.enums import Act
from staff.names import actor_names
from staff.pages import StaffPages
from staff.services import record_access, staff_of

MOST_DAYS = 31  # closed at once
ROWS = 100  # people on a page
SHOWN_CLOSURES = 20
_KM = [0, 5, 10, 20, 50]
_DAYS = [3, 7, 14, 28]
_ANSWERS = [2, 6, 12, 24, 48]  # hours


def _distances() -> list[tuple[int, str]]:
    texts = [_("up to %(km)s km") % {"km": km} if km else _("this clinic only") for km in _KM]
    return list(zip(_KM, texts, strict=True))


def _vaccines() -> list[tuple[int | str, str]]:
    """From the finder's directory, which a preview needs as well."""
    return [("", _("All")), *((pk, row.name) for pk, row in directory().vaccines.items())]


def _periods() -> list[tuple[int, str]]:
    return [(days, _("up to %(days)s days") % {"days": days}) for days in _DAYS]


def _answer_times() -> list[tuple[int, str]]:
    return [(hours, _("%(hours)s hours") % {"hours": hours}) for hours in _ANSWERS]


class ClosureForm(forms.Form):
    """Which hours, why, and what becomes of the people."""

    first = date_field(gettext_lazy("Closed from"))
    opens = time_field(gettext_lazy("Time"))
    last = date_field(gettext_lazy("Closed until"))
    closes = time_field(gettext_lazy("Time"))
    vaccine = forms.TypedChoiceField(
        label=gettext_lazy("Vaccine"),
        choices=_vaccines,
        coerce=int,
        required=False,
        empty_value=None,
    )
    reason = forms.ChoiceField(
        label=gettext_lazy("Reason, told to the people"), choices=ClosureReason.choices
    )
    mode = forms.ChoiceField(
        label=gettext_lazy("The people"), choices=ClosureMode.choices, widget=forms.RadioSelect
    )
    km = forms.TypedChoiceField(
        label=gettext_lazy("Clinics to move to"), choices=_distances, coerce=int
    )
    days = forms.TypedChoiceField(
        label=gettext_lazy("Days later at most"), choices=_periods, coerce=int
    )
    answer = forms.TypedChoiceField(
        label=gettext_lazy("Time to choose"), choices=_answer_times, coerce=int, required=False
    )

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        if values.get("first") and values["first"] < known_today():
            self.add_error("first", _("This day is over. Choose a later one."))
        if {"first", "opens", "last", "closes"} <= values.keys():
            starts_at = _instant(values["first"], values["opens"])
            ends_at = _instant(values["last"], values["closes"])
            if ends_at <= starts_at:
                self.add_error("last", _("The end comes before the beginning."))
            elif ends_at <= known_now():
                self.add_error("last", _("These hours are over."))
            elif ends_at - starts_at > timedelta(days=MOST_DAYS):
                self.add_error("last", _("At most %(days)s days at once.") % {"days": MOST_DAYS})
            values |= {"starts_at": starts_at, "ends_at": ends_at}
        return values

    def hours(self, clinic: Clinic) -> Hours:
        values = self.cleaned_data
        return Hours(clinic, values["starts_at"], values["ends_at"], values["vaccine"])

    def wish(self) -> Wish:
        values = self.cleaned_data
        mode = ClosureMode(values["mode"])
        hours = values["answer"] or _ANSWERS[0] if mode == ClosureMode.OFFER else 0
        return Wish(mode, values["km"], values["days"], timedelta(hours=hours))


def _instant(day: Any, time: Any) -> datetime:
    return timezone.make_aware(datetime.combine(day, time))


class ClosurePages(StaffPages[Clinic]):
    """Pages of one clinic, for users who may see, make and undo closures."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        name = "booking_clinic_closure"
        return [
            path("<int:pk>/closures/", view(self.closures_view), name=f"{name}s"),
            path("<int:pk>/closures/<int:closure>/", view(self.closure_view), name=name),
            path(
                "<int:pk>/closures/<int:closure>/take-back/",
                view(require_POST(self.take_back_view)),
                name=f"{name}_take_back",
            ),
            path(
                "<int:pk>/closures/<int:closure>/reopen/",
                view(require_POST(self.reopen_view)),
                name=f"{name}_reopen",
            ),
            *super().get_urls(),
        ]

    def closures_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The closures of a clinic; with hours in the query a preview, which POST carries out."""
        clinic = self._clinic_with_closures(request, pk)
        may_close = request.user.has_perm("booking.add_closure")
        posts = request.method == "POST"
        if posts and not may_close:
            raise PermissionDenied
        asked = request.POST if posts else request.GET
        form = ClosureForm(asked if "first" in asked else None, initial=_initial())
        situation, refusal = None, ""
        if form.is_bound and form.is_valid() and may_close:
            if posts:
                closure, refusal = self._close(request, clinic, form)
                if closure is not None:
                    return HttpResponseRedirect(_address(closure))
            situation = closures.preview(hours=form.hours(clinic), wish=form.wish())
        latest = Closure.objects.filter(clinic=clinic).select_related("vaccine")
        return self._closure_page(
            request,
            clinic,
            "closures.html",
            _("Close hours"),
            status=409 if refusal else 422 if form.errors else 200,
            form=form,
            refusal=refusal,
            preview=self._preview(request, clinic, situation) if situation else None,
            closures=latest.order_by("-closed_at")[:SHOWN_CLOSURES],
            may_close=may_close,
        )

    def _close(
        self, request: HttpRequest, clinic: Clinic, form: ClosureForm
    ) -> tuple[Closure | None, str]:
        shown = request.POST.get("shown", "")
        try:
            closure = closures.close_hours(
                hours=form.hours(clinic),
                wish=form.wish(),
                reason=ClosureReason(form.cleaned_data["reason"]),
                # Without a preview nobody has agreed to leave people without a time.
                shown_without=int(shown) if shown.isdecimal() and len(shown) < 7 else 0,
                by=actor_of(staff_of(request)),
            )
        except Refused as refusal:
            return None, staff_message(refusal)
        people = closure.affected.values_list("reservation__person", flat=True)
        self._record_closure(request, Act.CHANGE, "close", closure, people)
        return closure, ""

    def _preview(
        self, request: HttpRequest, clinic: Clinic, situation: Situation
    ) -> dict[str, Any]:
        steps = sorted(situation.plan.steps, key=_order)
        rows = _rows_of_steps(clinic, steps[:ROWS], situation.plan.choices)
        data = {"clinic": clinic.code, "hours": _hours_text(situation.hours)}
        people = [row["reservation"].person_id for row in rows]
        if people:
            record_access(request, act=Act.LIST, what="closure", data=data, people=people)
        own = sum(step.to.clinic_id == clinic.pk for step in situation.plan.moved if step.to)
        return {
            "situation": situation,
            "people": len(situation.patients),
            "own": own,
            "near": len(situation.plan.moved) - own,
            "without": situation.plan.without_time,
            "choices": len(situation.plan.choices),
            "rows": rows,
            "more": len(steps) - len(rows),
        }

    def closure_view(self, request: HttpRequest, pk: int, closure: int) -> HttpResponse:
        """What a closure did, person by person."""
        clinic = self._clinic_with_closures(request, pk)
        row = self._closure(clinic, closure)
        affected = row.affected.select_related(
            "reservation__person",
            "reservation__slot",
            "from_slot__vaccine",
            "to_slot__clinic",
            "entry",
            "offer",
        ).order_by("from_slot__starts_at", "reservation__person", "reservation__dose")
        page = Paginator(affected, ROWS).get_page(request.GET.get("page"))
        people = [affected_row.reservation.person_id for affected_row in page]
        if people:
            self._record_closure(request, Act.LIST, "closure", row, people)
        counts = Counter(row.affected.values_list("outcome", flat=True))
        names = actor_names([row.by, row.ended_by])
        may_change = request.user.has_perm("booking.change_closure")
        return self._closure_page(
            request,
            clinic,
            "closure.html",
            _("Closed hours"),
            closure=row,
            rows=page,
            moved=counts[AffectedOutcome.MOVED],
            cancelled=counts[AffectedOutcome.CANCELLED],
            who=names[row.by],
            ended_by=names[row.ended_by] if row.ended_by else "",
            may_take_back=may_change and row.status == ClosureStatus.DONE,
            may_reopen=may_change
            and row.status == ClosureStatus.TOLD
            and row.ends_at > known_now(),
        )

    def take_back_view(self, request: HttpRequest, pk: int, closure: int) -> HttpResponse:
        row = self._closure_to_change(request, pk, closure)
        try:
            restored, left = closures.take_back(closure=row, by=actor_of(staff_of(request)))
        except Refused as refusal:
            messages.error(request, staff_message(refusal))
            return HttpResponseRedirect(_address(row))
        people = row.affected.values_list("reservation__person", flat=True)
        self._record_closure(request, Act.CHANGE, "take_back_closure", row, people)
        text = ngettext(
            "Taken back: %(n)s person has their appointment as before, and gets no message.",
            "Taken back: %(n)s people have their appointments as before, and get no message.",
            restored,
        )
        messages.success(request, text % {"n": restored})
        if left:
            text = ngettext(
                "%(n)s person stays as shown below: they or others booked in the meantime.",
                "%(n)s people stay as shown below: they or others booked in the meantime.",
                left,
            )
            messages.warning(request, text % {"n": left})
        return HttpResponseRedirect(_address(row))

    def reopen_view(self, request: HttpRequest, pk: int, closure: int) -> HttpResponse:
        row = self._closure_to_change(request, pk, closure)
        try:
            closures.reopen(closure=row, by=actor_of(staff_of(request)))
        except Refused as refusal:
            messages.error(request, staff_message(refusal))
        else:
            self._record_closure(request, Act.CHANGE, "reopen_closure", row, [])
            messages.success(request, _("These hours take bookings again."))
        return HttpResponseRedirect(_address(row))

    def _clinic_with_closures(self, request: HttpRequest, pk: int) -> Clinic:
        """A clinic in this user's scope; raises PermissionDenied or Http404."""
        if not request.user.has_perm("booking.view_closure"):
            raise PermissionDenied
        clinic: Clinic = get_object_or_404(self.get_queryset(request), pk=pk)
        return clinic

    def _closure(self, clinic: Clinic, pk: int) -> Closure:
        rows = Closure.objects.filter(clinic=clinic).select_related("clinic", "vaccine")
        return get_object_or_404(rows, pk=pk)

    def _closure_to_change(self, request: HttpRequest, pk: int, closure: int) -> Closure:
        clinic = self._clinic_with_closures(request, pk)
        if not request.user.has_perm("booking.change_closure"):
            raise PermissionDenied
        return self._closure(clinic, closure)

    def _record_closure(
        self, request: HttpRequest, act: Act, what: str, closure: Closure, people: Iterable[int]
    ) -> None:
        hours = Hours(closure.clinic, closure.starts_at, closure.ends_at)
        data = {"clinic": closure.clinic.code, "hours": _hours_text(hours)}
        record_access(request, act=act, what=what, data=data, people=people)

    def _closure_page(
        self,
        request: HttpRequest,
        clinic: Clinic,
        template: str,
        title: str,
        **context: Any,
    ) -> HttpResponse:
        change = (clinic.name, reverse("admin:booking_clinic_change", args=[clinic.pk]))
        crumbs = [self.list_crumb(), change]
        if template != "closures.html":
            crumbs.append((_("Close hours"), _list_address(clinic)))
        return self.page(
            request,
            f"admin/booking/clinic/{template}",
            title,
            crumbs=crumbs,
            clinic=clinic,
            **context,
        )


def _initial() -> dict[str, Any]:
    """The rest of today, to be changed."""
    now = timezone.localtime(known_now())
    return {
        "first": now.date(),
        "opens": f"{(now + timedelta(hours=1)):%H:00}" if now.hour < 23 else "23:00",
        "last": now.date(),
        "closes": "23:59",
        "mode": ClosureMode.MOVE,
        "km": 10,
        "days": 14,
        "answer": 24,
    }


def _order(step: Step) -> tuple[bool, datetime, int]:
    """People without a time first: they are what to decide about."""
    return step.to is not None, step.appointment.starts_at, step.appointment.reservation_id


def _rows_of_steps(
    clinic: Clinic, steps: list[Step], choices: Mapping[int, Sequence[FreeSlot]]
) -> list[dict[str, Any]]:
    """The steps with their reservations and the names of clinics."""
    ids = [step.appointment.reservation_id for step in steps]
    reservations = Reservation.objects.select_related("person").in_bulk(ids)
    names = _clinic_names(clinic, {step.to.clinic_id for step in steps if step.to})
    return [
        {
            "reservation": reservations[step.appointment.reservation_id],
            "starts_at": step.appointment.starts_at,
            "goes_along": step.goes_along,
            "to": step.to,
            "clinic": names[step.to.clinic_id] if step.to else "",
            "choices": len(choices.get(step.appointment.reservation_id, ())),
        }
        for step in steps
        if step.appointment.reservation_id in reservations
    ]


def _clinic_names(own: Clinic, ids: set[int]) -> dict[int, str]:
    """By id; from the finder's directory, which the plan has read to find clinics nearby."""
    names = {own.pk: own.name}
    if not ids <= names.keys():
        names |= {pk: clinic.name for pk, clinic in directory().clinics.items() if pk in ids}
    if missing := ids - names.keys():  # takes bookings since the directory was read
        names |= dict(Clinic.objects.filter(pk__in=missing).values_list("pk", "name"))
    return names


def _hours_text(hours: Hours) -> str:
    start, end = map(timezone.localtime, (hours.starts_at, hours.ends_at))
    return f"{start:%Y-%m-%d %H:%M} – {end:%Y-%m-%d %H:%M}"


def _address(closure: Closure) -> str:
    return reverse("admin:booking_clinic_closure", args=[closure.clinic_id, closure.pk])


def _list_address(clinic: Clinic) -> str:
    return reverse("admin:booking_clinic_closures", args=[clinic.pk])
