"""Cancelling and moving appointments for callers and walk-ins, also after the cut-off.

By the services of the citizens' pages, which let staff pass the clinic's cut-off and queue a
message to the person.
"""

from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from booking.admin.desk.choosing import AddressOf, Choice, own_clinic_of, slots_for, slots_like
from booking.admin.desk.pages import DeskPages
from booking.admin.desk.wording import staff_message
from booking.enums import ReservationStatus
from booking.exceptions import BookedForVisit, NotConfirmed, Refused, SlotFull, SlotOver
from booking.models import OutsideDose, Reservation
from booking.services.changes import (
    cancel_reservation,
    change_limits,
    change_reservation,
    undo_cancel,
    why_not_undo,
)
from database.clock import known_now
from eligibility.spelling import shown_phone
from staff.actors import actor_of
from staff.enums import Act
from staff.services import staff_of

REASONS = [
    ("person", gettext_lazy("The person asked for it")),
    ("clinic", gettext_lazy("The clinic cannot keep the appointment")),
    ("mistake", gettext_lazy("It was booked by mistake")),
]


class ReasonForm(forms.Form):
    """The reason as one of a few choices: free text would hold personal data in the record."""

    reason = forms.ChoiceField(label=gettext_lazy("Reason"), choices=[("", "---------"), *REASONS])


class ChangePages(DeskPages):
    """Cancel, restore and move appointments, for users with the permission to book."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        name = "booking_reservation_"
        return [
            path("<int:pk>/cancel/", view(self.cancel_view), name=f"{name}cancel"),
            path("<int:pk>/restore/", view(require_POST(self.restore_view)), name=f"{name}restore"),
            path("<int:pk>/move/", view(self.move_view), name=f"{name}move"),
            *super().get_urls(),
        ]

    def cancel_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask for the reason, then cancel; with a first dose the second too."""
        row = self._own(request, pk)
        form = ReasonForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            return self._cancel(request, row, form.cleaned_data["reason"])
        if row.status != ReservationStatus.CONFIRMED:
            messages.error(request, staff_message(NotConfirmed()))
            return _to(row)
        self._record(request, Act.DETAIL, "caller", [row.person_id])
        return self.page(
            request,
            "admin/booking/desk/cancel.html",
            _("Cancel %(number)s") % {"number": row.number},
            crumbs=[self.list_crumb(), (row.number, _address("change", row))],
            end=_("Cancel"),
            status=422 if form.errors else 200,
            form=form,
            row=row,
            phone=shown_phone(row.person.phone),
            pulled=_pulled_along(row, self.get_queryset(request)),
            back=_address("change", row),
        )

    def _cancel(self, request: HttpRequest, row: Reservation, reason: str) -> HttpResponse:
        try:
            cancelled = cancel_reservation(reservation=row, by=actor_of(staff_of(request)))
        except Refused as refusal:
            messages.error(request, staff_message(refusal))
            return _to(row)
        numbers = ", ".join(reservation.number for reservation in cancelled)
        if not cancelled:
            messages.warning(request, _("It was cancelled already."))
            return _to(row)
        self._record(request, Act.CHANGE, "cancel", [row.person_id], numbers=numbers, reason=reason)
        messages.success(
            request,
            _("Cancelled: %(numbers)s. A message goes to the person.") % {"numbers": numbers},
        )
        return _to(row)

    def restore_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Undo a cancellation by anybody while the seats are free."""
        row = self._own(request, pk)
        try:
            restored = undo_cancel(reservation=row, by=actor_of(staff_of(request)))
        except Refused as refusal:
            messages.error(request, staff_message(refusal))
            return _to(row)
        numbers = ", ".join(reservation.number for reservation in restored)
        self._record(request, Act.CHANGE, "restore", [row.person_id], numbers=numbers)
        messages.success(
            request,
            _("Stands again: %(numbers)s. A message goes to the person.") % {"numbers": numbers},
        )
        return _to(row)

    def move_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """List slots; with a chosen one in the query string ask, and on POST move."""
        row = self._own(request, pk)
        if row.status != ReservationStatus.CONFIRMED:
            messages.error(request, staff_message(NotConfirmed()))
            return _to(row)
        if row.slot.home_id:
            messages.error(request, staff_message(BookedForVisit()))
            return _to(row)
        if "slot" in request.GET:
            return self._move_to(request, row, request.GET["slot"])
        limits = change_limits(row)
        choice = Choice(dose=row.dose, vaccines=limits.vaccines, days=limits.days)
        self._record(request, Act.DETAIL, "caller", [row.person_id])
        return self.page(
            request,
            "admin/booking/desk/move.html",
            _("Move %(number)s") % {"number": row.number},
            crumbs=[self.list_crumb(), (row.number, _address("change", row))],
            end=_("Move"),
            row=row,
            phone=shown_phone(row.person.phone),
            days=limits.days,
            times=slots_for(request, _target_of(row), choice),
            at_counter=own_clinic_of(staff_of(request)) is not None,
        )

    def _move_to(self, request: HttpRequest, row: Reservation, chosen: str) -> HttpResponse:
        slot = self._slot(request, chosen)
        refusal = None
        if request.method == "POST":
            before = str(row.slot_id)
            try:
                change_reservation(reservation=row, slot_id=slot.pk, by=actor_of(staff_of(request)))
            except Refused as refused:
                refusal = refused
            else:
                moved = {"numbers": row.number, "from_slot": before, "to_slot": str(slot.pk)}
                self._record(request, Act.CHANGE, "move", [row.person_id], **moved)
                messages.success(request, _("Moved. A message goes to the person."))
                return _to(row)
        missed = isinstance(refusal, SlotFull | SlotOver)
        return self.page(
            request,
            "admin/booking/desk/move_to.html",
            _("Move %(number)s") % {"number": row.number},
            crumbs=[self.list_crumb(), (row.number, _address("change", row))],
            end=_("Move"),
            status=409 if refusal else 200,
            row=row,
            phone=shown_phone(row.person.phone),
            slot=slot,
            refusal=staff_message(refusal) if refusal else "",
            offered=slots_like(
                staff_of(request), slot, address=_target_of(row), days=change_limits(row).days
            )
            if missed
            else [],
            back=_address("move", row),
        )

    def change_acts(
        self,
        request: HttpRequest,
        row: Reservation | None,
        all_of_person: list[Reservation] | None = None,
        outside_doses: list[OutsideDose] | None = None,
    ) -> dict[str, Any]:
        """The addresses of the changes that this user may make now; empty where none.

        `all_of_person` are all reservations of the row's person, if they are loaded, and
        `outside_doses` the doses given elsewhere.
        """
        acts = dict.fromkeys(["cancel", "move", "restore"], "")
        if row is None or not self.has_book_permission(request):
            return {"change_acts": acts}
        if row.status == ReservationStatus.CONFIRMED:
            acts["cancel"] = _address("cancel", row)
            # A seat of a visit to a care home can only be cancelled.
            acts["move"] = "" if row.slot.home_id else _address("move", row)
        elif row.status == ReservationStatus.CANCELLED:
            everything = all_of_person or list(
                Reservation.objects.filter(person=row.person_id).with_slot()
            )
            by = actor_of(staff_of(request))
            refusal = why_not_undo(
                row, everything, by=by, now=known_now(), outside_doses=outside_doses
            )
            if refusal is None:
                acts["restore"] = _address("restore", row)
        return {"change_acts": acts}

    def _own(self, request: HttpRequest, pk: int) -> Reservation:
        """A reservation in this user's scope; raises PermissionDenied or Http404."""
        self._require_book_permission(request)
        row: Reservation = get_object_or_404(self.get_queryset(request), pk=pk)
        if row.person.forgotten_at is not None:
            raise Http404
        return row


def _pulled_along(row: Reservation, visible: QuerySet[Reservation]) -> list[dict[str, Any]]:
    """Later doses that are cancelled too; of those the user may not see only the dose."""
    later = Reservation.objects.filter(
        person=row.person_id, dose__gt=row.dose, status=ReservationStatus.CONFIRMED
    ).with_slot()
    visible_ids = set(visible.filter(person=row.person_id).values_list("pk", flat=True))
    return [
        {"dose": other.dose, "row": other if other.pk in visible_ids else None}
        for other in later.order_by("dose")
    ]


def _address(name: str, row: Reservation) -> str:
    return reverse(f"admin:booking_reservation_{name}", args=[row.pk])


def _to(row: Reservation) -> HttpResponseRedirect:
    return HttpResponseRedirect(_address("change", row))


def _target_of(row: Reservation) -> AddressOf:
    """A function from a slot's id to the page that asks about the move; "" for its own slot."""

    def address(slot_id: int) -> str:
        if slot_id == row.slot_id:
            return ""
        return f"{_address('move', row)}?{urlencode({'slot': slot_id})}"

    return address
