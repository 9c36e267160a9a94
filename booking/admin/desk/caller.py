"""The desk's one search box, and the caller's page: who, what happened, what they can do now."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import get_token
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils import translation
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from booking.admin.desk.changes import ChangePages
from booking.admin.desk.choosing import desk_address, next_choice, periods_of
from booking.admin.desk.forms import NoteForm
from booking.admin.desk.lists import lists_of
from booking.admin.desk.pages import token_for
from booking.admin.desk.search import Found, find_people, may_see, without_resident_number
from booking.admin.desk.story import (
    appointments_for,
    lives_in_scope,
    read_aloud,
    reservations_with_scope,
    story_for,
)
from booking.admin.people import letters_for
from booking.models import OutsideDose, Reservation
from booking.services.courses import course_of
from booking.services.staff_bookings import booking_rights_of
from database.clock import known_now
from eligibility.models import Person
from eligibility.spelling import masked_phone, shown_phone
from events.services import story_of
from messaging.exceptions import NotSentAgain
from messaging.hooks import name_of
from messaging.letters import waiting
from messaging.models import Message
from messaging.services import send_again
from staff.enums import AT_A_CLINIC, Act
from staff.hooks import pages, person_pages
from staff.names import actor_names
from staff.pages import Crumb
from staff.scoping import TOO_MANY_GUESSES
from staff.services import guesses_too_often, staff_of
from staff.site import PortalSite
from waiting_room.models import Ticket
from waiting_room.services.resume_codes import resume_code_of


def caller_address(token: str) -> str:
    return reverse("admin:desk_caller", args=[token])


def caller_page_address(request: HttpRequest, person_id: int) -> str:
    return caller_address(token_for(request, person_id))


def search_crumb() -> Crumb:
    return _("Find a caller"), reverse("admin:desk")


def caller_crumbs(person: Person, token: str) -> list[Crumb]:
    """The way to a page beneath the caller's."""
    return [search_crumb(), (person.name, caller_address(token))]


class CallerPages(ChangePages):
    """Mounted at /admin/desk/; the story's readers need no right to book, its buttons do."""

    def search_view(self, request: HttpRequest) -> HttpResponse:
        """The box; with an encrypted term in the query string the people found."""
        self._require_view_permission(request)
        if request.method == "POST":
            return self._hide_search(request)
        term = self.search_term(request)
        found, refusal = None, ""
        if term and guesses_too_often(staff_of(request)):
            refusal = str(TOO_MANY_GUESSES)
        elif term:
            found = find_people(staff_of(request), term)
            people = [person.pk for person in found.people]
            self._record(request, Act.SEARCH, "find_caller", people, found=len(people))
            if len(people) == 1:
                return HttpResponseRedirect(caller_page_address(request, people[0]))
        return self.page(
            request,
            "admin/booking/desk/search.html",
            _("Find a caller"),
            crumbs=[],
            term=term,
            refusal=refusal,
            found=found,
            rows=_rows(request, found),
            may_book=self.has_book_permission(request),
            letters=self.letters_to_print(request),
            may_print=self.has_print_permission(request),
        )

    def typed_term(self, request: HttpRequest) -> str:
        """Without the end of a resident registration number, which is kept nowhere."""
        return without_resident_number(super().typed_term(request))

    def story_view(self, request: HttpRequest, token: str) -> HttpResponse:
        """Who the caller is, what happened and what stands; `now_view` adds what they can do."""
        self._require_view_permission(request)
        person = self._person_of(request, token)
        if person is None:
            return self._search_again(request)
        user = staff_of(request)
        rows = reservations_with_scope(person, self.get_queryset(request))
        own = {row.pk for row, in_scope in rows if in_scope}
        # Found by name, birth date and phone: a clinic may book for them, no more.
        if user.role in AT_A_CLINIC and not own:
            return HttpResponseRedirect(desk_address("caller", token))
        is_resident = lives_in_scope(user, person)
        events, lists = story_of(person.pk), lists_of(person.pk)
        language = _language_of(request)
        with translation.override(language):
            actors = [*(event.actor for event in events), *(note.by for note in lists.notes)]
            names = actor_names(actors)
            days = story_for(user, events, names, shown=None if is_resident else own)
        self._record(request, Act.DETAIL, "story", [person.pk])
        return self.page(
            request,
            "admin/booking/desk/story.html",
            person.name,
            crumbs=[search_crumb()],
            person=person,
            phone=shown_phone(person.phone),
            days=days,
            aloud=read_aloud(days),
            language=language,
            appointments=self._with_acts(
                request, rows, lists.outside_doses, is_resident=is_resident
            ),
            entries=lists.entries,
            tickets=_tickets(person),
            sent=lists.sent,
            notes=[(note, names[note.by]) for note in lists.notes],
            note_form=NoteForm(),
            # For the forms of the page's parts.
            acts={
                "token": token,
                "may_book": self.has_book_permission(request),
                "csrf": get_token(request),
            },
        )

    def _with_acts(
        self,
        request: HttpRequest,
        rows: list[tuple[Reservation, bool]],
        outside_doses: list[OutsideDose],
        *,
        is_resident: bool,
    ) -> list[dict[str, Any]]:
        """The appointments with the addresses by which this user changes them."""
        everything = [row for row, _in_scope in rows]
        entries = appointments_for(rows, is_resident=is_resident)
        for entry in entries:
            own = entry["row"] if entry["may_act"] else None
            entry |= self.change_acts(request, own, everything, outside_doses)
        return entries

    def has_print_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("messaging.print_message")

    def letters_to_print(self, request: HttpRequest) -> int:
        """How many wait, for the link on the page of the search; 0 without the right."""
        if not self.has_print_permission(request):
            return 0
        return waiting(letters_for(staff_of(request))).count()

    def now_view(self, request: HttpRequest, token: str) -> HttpResponse:
        """What the person may book now: a part of the caller's page, which its script fetches.

        Apart, because it asks every rule, and the story is to be read out at once.
        """
        person = self._caller_to_act_for(request, token)
        if person is None:
            return self._search_again(request)
        rights = booking_rights_of(person=person, now=known_now())
        at_counter = staff_of(request).role in AT_A_CLINIC
        context = {
            "periods": periods_of(rights),
            "next": next_choice(course_of(person.pk), rights, at_counter=at_counter),
        }
        return render(request, "admin/booking/desk/components/now.html", context)

    def send_again_view(self, request: HttpRequest, token: str, pk: int) -> HttpResponse:
        """Send one of the person's messages once more, to the phone that is stored now."""
        person = self._caller_to_act_for(request, token)
        if person is None:
            return self._search_again(request)
        message = get_object_or_404(Message, pk=pk, person_id=person.pk)
        try:
            send_again(message=message, phone=person.phone)
        except NotSentAgain as refusal:
            messages.error(request, str(refusal))
        else:
            kind = message.kind
            self._record(request, Act.CHANGE, "send_again", [person.pk], message=kind)
            messages.success(request, _("The message goes out again now: %s.") % name_of(kind))
        return HttpResponseRedirect(caller_address(token))

    def resume_code_view(self, request: HttpRequest, token: str, ticket_id: str) -> HttpResponse:
        """The code that brings the person back to their ticket on any device, to be read out."""
        person = self._caller_to_act_for(request, token)
        if person is None:
            return self._search_again(request)
        ticket = get_object_or_404(
            Ticket.objects.select_related("room__cohort"), pk=ticket_id, person=person
        )
        self._record(request, Act.DETAIL, "resume_code", [person.pk])
        return self.page(
            request,
            "admin/booking/desk/resume_code.html",
            _("Resume code"),
            crumbs=caller_crumbs(person, token),
            person=person,
            phone=shown_phone(person.phone),
            ticket=ticket,
            code=resume_code_of(ticket),
            back=caller_address(token),
        )

    def _require_view_permission(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    def _caller_to_act_for(self, request: HttpRequest, token: str) -> Person | None:
        self._require_book_permission(request)
        return self._person_of(request, token)

    def _search_again(self, request: HttpRequest) -> HttpResponse:
        return self._token_expired(request, "admin:desk")


def _rows(request: HttpRequest, found: Found | None) -> list[dict[str, Any]]:
    """The people found, with their phones masked until their page is opened."""
    return [
        {
            "person": person,
            "phone": masked_phone(person.phone),
            "address": caller_page_address(request, person.pk),
        }
        for person in (found.people if found else [])
    ]


def _language_of(request: HttpRequest) -> str:
    """The language to read the story out in: the user's, or the one asked for."""
    asked = request.GET.get("read", "")
    return asked if asked in ("ko", "en") else (get_language() or "ko")[:2]


def _tickets(person: Person) -> list[dict[str, Any]]:
    """The person's places in lines, the newest first."""
    tickets = Ticket.objects.filter(person=person).select_related("room__cohort", "room__line")
    return [
        {
            "ticket": ticket,
            "place": "" if ticket.place is None else f"{ticket.place:,}",
            "is_called": ticket.is_called,
            "has_left": ticket.left_at is not None,
        }
        for ticket in tickets.order_by("-joined_at")
    ]


def _routes(site: PortalSite) -> list[URLPattern]:
    """The addresses of the desk; their pages belong to the admin of reservations."""
    desk: Any = site._registry[Reservation]
    view = site.admin_view
    return [
        path("desk/", view(desk.search_view), name="desk"),
        path("desk/complaints/", view(desk.complaints_view), name="desk_complaints"),
        path("desk/letters/", view(desk.letters_view), name="desk_letters"),
        path("desk/card/", view(desk.card_view), name="desk_card"),
        path("desk/<str:token>/", view(desk.story_view), name="desk_caller"),
        path("desk/<str:token>/now/", view(desk.now_view), name="desk_now"),
        path("desk/<str:token>/card/", view(desk.caller_card_view), name="desk_caller_card"),
        path("desk/<str:token>/note/", view(require_POST(desk.note_view)), name="desk_note"),
        path(
            "desk/<str:token>/messages/<int:pk>/again/",
            view(require_POST(desk.send_again_view)),
            name="desk_send_again",
        ),
        path("desk/<str:token>/voucher/<int:pk>/", view(desk.voucher_view), name="desk_voucher"),
        path(
            "desk/<str:token>/tickets/<uuid:ticket_id>/code/",
            view(require_POST(desk.resume_code_view)),
            name="desk_resume_code",
        ),
    ]


def _page_of_person(request: HttpRequest, person_id: int) -> str:
    """The caller's page for a link on another page of this person; "" without the right."""
    user = staff_of(request)
    if not user.has_perm("booking.view_reservation"):
        return ""
    person = Person.objects.filter(pk=person_id, forgotten_at=None).first()
    return caller_page_address(request, person_id) if person and may_see(user, person) else ""


pages.register(_routes)
person_pages.register(_page_of_person)
