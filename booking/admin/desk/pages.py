"""The pages of the desk, mixed into the reservation admin."""

import uuid
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial
from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from booking.admin.desk.choosing import (
    book_address,
    clinic_day_query,
    desk_address,
    is_born_outside,
    next_choice,
    own_clinic_of,
    periods_of,
    slots_for,
    slots_like,
)
from booking.admin.desk.forms import BookForm, CallerForm
from booking.admin.desk.wording import days_for_second, sentences_to_read_out, staff_message
from booking.admin.doubles import doubles_of
from booking.admin.people import as_fieldsets
from booking.enums import LIVE, ReservationStatus
from booking.exceptions import Refused, SlotFull, SlotOver
from booking.forms import choice_in
from booking.models import OutsideDose, Reservation, Slot
from booking.services.courses import best_seconds, course_of
from booking.services.staff_bookings import book_for, booking_rights_of
from database import signing
from eligibility.exceptions import Refusal
from eligibility.models import Person
from eligibility.spelling import shown_phone
from messaging.enums import Channel
from staff.actors import actor_of
from staff.enums import Act
from staff.pages import Crumb, StaffPages
from staff.scoping import PersonalDataMixin, rows_for
from staff.services import staff_of
from waiting_room.models import Room
from waiting_room.services.joining import issue_ticket
from waiting_room.services.telling import request_alert
from web.posted import id_in
from web.times import moment

# Tokens in the desk's addresses are valid this long, and only for the user who made them.
TOKEN_LIFETIME = timedelta(hours=2)
_SALT = "booking.desk"


def token_for(request: HttpRequest, person_id: int) -> str:
    """A signed token for a person found: addresses hold no name, and ids can't be guessed."""
    return signing.dumps([staff_of(request).pk, person_id], salt=_SALT)


def desk_crumb() -> Crumb:
    return _("Book for somebody"), reverse("admin:booking_reservation_desk")


class DeskPages(PersonalDataMixin[Reservation], StaffPages[Reservation]):
    """Find a person, choose a slot, book it, or put the person in the line."""

    def get_urls(self) -> list[URLPattern]:
        def page(address: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
            name = f"booking_reservation_{name}"
            return path(f"desk/{address}", self.admin_site.admin_view(view), name=name)

        return [
            page("", self.desk_view, "desk"),
            page("<str:token>/", self.caller_view, "caller"),
            page("<str:token>/book/", self.book_view, "book"),
            page("<str:token>/line/", require_POST(self.line_view), "line"),
            *super().get_urls(),
        ]

    def has_book_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("booking.book_reservation")

    def desk_view(self, request: HttpRequest) -> HttpResponse:
        """Find the person by a reservation number, or by name, birth date and phone."""
        self._require_book_permission(request)
        form = CallerForm(request.POST or None, request=request)
        if request.method == "POST" and form.is_valid():
            assert form.person
            token = token_for(request, form.person.pk)
            return HttpResponseRedirect(desk_address("caller", token))
        return self.act_page(
            request,
            _("Book for somebody"),
            lead=_("Somebody on the telephone or at the counter, at their own request."),
            form=form,
            adminform=as_fieldsets(form, (None, form.asked())),
            submit=_("Find"),
        )

    def caller_view(self, request: HttpRequest, token: str) -> HttpResponse:
        """The person's doses, appointments and rights to book, and the slots to choose from."""
        self._require_book_permission(request)
        person = self._person_of(request, token)
        if person is None:
            return self._token_expired(request)
        self._record(request, Act.DETAIL, "caller", [person.pk])
        booking_rights = booking_rights_of(person=person)
        at_counter = own_clinic_of(staff_of(request)) is not None
        address = partial(book_address, token)
        choice = next_choice(course_of(person.pk), booking_rights, at_counter=at_counter)
        return self.page(
            request,
            "admin/booking/desk/caller.html",
            _("Book for %(name)s") % {"name": person.name},
            crumbs=[desk_crumb()],
            person=person,
            phone=shown_phone(person.phone),
            periods=periods_of(booking_rights),
            has_others=any(map(is_born_outside, booking_rights.answers)),
            booked=self._booked(request, person),
            outside_doses=OutsideDose.objects.filter(person=person)
            .select_related("vaccine")
            .order_by("dose"),
            doubles=doubles_of([person], self.get_queryset(request)).get(person.pk),
            next=choice,
            times=None if choice.refusal else slots_for(request, address, choice),
            at_counter=at_counter,
            line_address=desk_address("line", token),
            card_address=reverse("admin:desk_caller_card", args=[token]),
            may_entry=request.user.has_perm("booking.add_listentry"),
        )

    def book_view(self, request: HttpRequest, token: str) -> HttpResponse:
        """Confirm one slot for the person, for a vaccine of two doses with a second one."""
        self._require_book_permission(request)
        person = self._person_of(request, token)
        if person is None:
            return self._token_expired(request)
        slot = self._slot(request, request.GET.get("slot", ""))
        begins = 1 not in course_of(person.pk).doses
        seconds = _second_slots(person, slot) if begins and slot.vaccine.doses > 1 else None
        # A new key for each page; a repeated POST of one page has the same.
        form = BookForm(request.POST or None, seconds=seconds, initial={"key": uuid.uuid4()})
        refusal = None
        if request.method == "POST":
            try:
                booked = self._book(request, person, slot, form)
            except Refused as refused:
                refusal = refused
            else:
                if booked:
                    address = reverse("admin:booking_reservation_change", args=[booked[0].pk])
                    return HttpResponseRedirect(address)
        self._record(request, Act.DETAIL, "caller", [person.pk])
        status = 409 if refusal else 422 if form.errors else 200
        # For a lost second slot the form offers the other ones.
        missed = isinstance(refusal, SlotFull | SlotOver) and _is_first_slot(refusal, slot)
        return self.page(
            request,
            "admin/booking/desk/book.html",
            _("Book for %(name)s") % {"name": person.name},
            crumbs=[desk_crumb(), (person.name, desk_address("caller", token))],
            end=_("Confirm"),
            status=status,
            person=person,
            phone=shown_phone(person.phone),
            slot=slot,
            dose=1 if begins else 2,
            form=form,
            refusal=staff_message(refusal) if refusal else "",
            offered=slots_like(staff_of(request), slot, address=partial(book_address, token))
            if missed
            else [],
            second_days=days_for_second(slot) if seconds is not None else None,
            no_second=seconds == [],
            back=f"{desk_address('caller', token)}?{clinic_day_query(slot)}",
        )

    def _book(
        self, request: HttpRequest, person: Person, slot: Slot, form: BookForm
    ) -> list[Reservation]:
        """Book; returns the reservations, or [] for an invalid form. Raises Refused."""
        second = None
        if "second" in form.fields and (chosen := form.data.get("second", "")):
            second = self._slot(request, chosen)
            choices: list[Any] = list(cast("Iterable[Any]", choice_in(form, "second").choices))
            if chosen not in dict(choices):
                # Not among the best slots any more: the service refuses it with the reason.
                choice_in(form, "second").choices = [(chosen, moment(second.starts_at)), *choices]
        if not form.is_valid():
            return []
        counter = own_clinic_of(staff_of(request))
        booked = book_for(
            person=person,
            slot=slot,
            second=second,
            key=form.cleaned_data["key"],
            # A person at the counter of another clinic is a caller.
            walk_in=counter is not None and counter.pk == slot.clinic_id,
            language=form.cleaned_data["language"],
            by=actor_of(staff_of(request)),
        )
        numbers = ", ".join(reservation.number for reservation in booked)
        self._record(request, Act.CHANGE, "book", [person.pk], numbers=numbers)
        messages.success(request, _("Booked. Read the person what stands below."))
        return booked

    def line_view(self, request: HttpRequest, token: str) -> HttpResponse:
        """Issue a ticket for a person who can't join the line by themselves."""
        self._require_book_permission(request)
        person = self._person_of(request, token)
        if person is None:
            return self._token_expired(request)
        # Postgres refuses NUL in text.
        code = request.POST.get("cohort", "").replace("\0", "")
        room = get_object_or_404(Room.objects.select_related("cohort"), cohort__code=code)
        try:
            ticket = issue_ticket(room=room, person_id=person.pk)
        except Refusal as refusal:
            messages.error(request, str(refusal))
        else:
            language = request.POST.get("language", "")
            if language not in dict(settings.LANGUAGES):
                language = settings.LANGUAGE_CODE
            # The person has no page that shows their turn.
            if person.phone:
                request_alert(ticket=ticket, channel=Channel.SMS, language=language)
            self._record(request, Act.CHANGE, "put_in_line", [person.pk], cohort=room.cohort.code)
            messages.success(request, _in_line(person))
        return HttpResponseRedirect(desk_address("caller", token))

    def for_the_caller(self, request: HttpRequest, row: Reservation | None) -> dict[str, Any]:
        """Context of an appointment's page: sentences to read out, and the link to the desk."""
        if row is None or not self.has_book_permission(request):
            return {"read_out": [], "caller_address": ""}
        return {
            "read_out": sentences_to_read_out(row, self.get_queryset(request)),
            "read_in": row.language,
            "caller_address": desk_address("caller", token_for(request, row.person_id)),
        }

    def _require_book_permission(self, request: HttpRequest) -> None:
        if not self.has_book_permission(request):
            raise PermissionDenied

    def _person_of(self, request: HttpRequest, token: str) -> Person | None:
        """The person of a token; None if it is expired, forged or another user's."""
        try:
            user, pk = signing.loads(token, salt=_SALT, max_age=TOKEN_LIFETIME)
        except signing.BadSignature:
            return None
        if user != staff_of(request).pk:
            return None
        return Person.objects.filter(pk=pk, forgotten_at=None).first()

    def _token_expired(
        self, request: HttpRequest, search: str = "admin:booking_reservation_desk"
    ) -> HttpResponse:
        messages.warning(request, _("This page was opened too long ago. Find the person again."))
        return HttpResponseRedirect(reverse(search))

    def _slot(self, request: HttpRequest, text: str) -> Slot:
        """The slot with this id at one of the user's clinics; raises Http404."""
        slot_id = id_in(text)
        if slot_id is None:
            raise Http404
        slots = Slot.objects.filter(home=None)
        visible = rows_for(staff_of(request), slots, clinic_path="clinic")
        return get_object_or_404(visible.select_related("clinic", "vaccine"), pk=slot_id)

    def _booked(self, request: HttpRequest, person: Person) -> list[dict[str, Any]]:
        """The person's appointments; of those the user may not see only dose and status."""
        shown = Q(status__in=[*LIVE, ReservationStatus.NOT_DONE, ReservationStatus.NO_SHOW])
        rows = Reservation.objects.filter(shown, person=person).with_slot()
        visible_ids = set(
            self.get_queryset(request).filter(person=person).values_list("pk", flat=True)
        )
        return [
            {"dose": row.dose, "status": row.get_status_display(), "row": row}
            if row.pk in visible_ids
            else {"dose": row.dose, "status": row.get_status_display()}
            for row in rows.order_by("dose", "pk")
        ]


def _in_line(person: Person) -> str:
    if not person.phone:
        return _("The person stands in the line. Their page says when it is their turn.")
    return _(
        "The person stands in the line. A message goes to their phone shortly before their turn, "
        "and when it comes. Then book here."
    )


def _second_slots(person: Person, slot: Slot) -> list[Slot]:
    """The best slots for the second dose, best first."""
    ids = best_seconds(person.pk, slot.pk)
    rows = Slot.objects.select_related("clinic", "vaccine").in_bulk(ids)
    return [rows[pk] for pk in ids if pk in rows]


def _is_first_slot(refusal: Refused, slot: Slot) -> bool:
    """Whether the refusal concerns this slot, not the one of the second dose."""
    return getattr(refusal, "slot_id", None) in (None, slot.pk)
