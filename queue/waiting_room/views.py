from datetime import UTC, datetime
from io import BytesIO
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import segno
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from django_stubs_ext import WithAnnotations

from database.clock import AtNow
from eligibility.brakes import Brake, needs_work
from eligibility.sessions import signed_in, to_identity
from eligibility.spelling import masked_phone
from messaging.receivers import is_landline
from standing.facts import PersonFacts
from standing.hooks import facts_of, show
from waiting_room import health
from waiting_room.access import find_room, find_ticket, may_see, owns, resumed
from waiting_room.draw_page import draw_context
from waiting_room.enums import NO_MESSAGE, State
from waiting_room.exceptions import AtTheDoor, LineRefusal
from waiting_room.forms import AlertForm
from waiting_room.models import Alert, Room, Ticket
from waiting_room.now_cache import documents
from waiting_room.now_document import scored, state_of, waiting_in
from waiting_room.public_log import ticket_hash
from waiting_room.services import entering, joining, telling
from waiting_room.services.evening import last_totals
from waiting_room.services.log_keys import origin_of
from waiting_room.services.resume_codes import resume_code_of, resume_indexes
from waiting_room.services.witnessed import how_witnesses_stand, went_on_without
from waiting_room.standing import Phase, standing, stands_still
from waiting_room.templatetags.waiting_room import grouped
from web import moulds
from web.codes import (
    UnreadableCode,
    WrongCheckLetter,
    WrongLength,
    WrongLetter,
)
from web.language import is_unsent, keeps_typed_in_any_language, typed, used_language
from web.moulds import Text
from web.posted import form_data, posted_id
from web.proof_of_work import NO_WORK, work_for
from web.public import public_url

_ANY = str(UUID(int=0))  # stands for a ticket in an address
# Resume codes tried from one network that are nobody's; 55 bits can't be guessed at this pace.
GUESSES = [Brake("resume", "20/10m")]
# Session.sees_from of a browser that has typed the code only.
NOTHING_FROM = datetime.max.replace(tzinfo=UTC)


ROOM_LEADS = {
    State.SOON: gettext_lazy("You can't join this line yet."),
    State.GATHERING: gettext_lazy(
        "You can join this line now. It starts to move when the doors open."
    ),
    State.DRAWING: gettext_lazy(
        "The list is closed, and the draw comes in a moment. You can join now and come after it."
    ),
    State.WITNESSING: gettext_lazy(
        "The list is closed. As soon as the witnesses have cosigned it, the line moves. You can "
        "join now and come after it."
    ),
    State.OPEN: gettext_lazy("The line is moving."),
    State.PAUSED: gettext_lazy("The line is paused. Every place is kept."),
    State.CLOSED: gettext_lazy("This line is closed."),
}
RESUME_PROBLEMS: dict[type[UnreadableCode], Promise] = {
    WrongLength: gettext_lazy("The code has 12 letters and digits. Please count again."),
    WrongLetter: gettext_lazy("There is a sign in it that these codes do not have."),
    WrongCheckLetter: gettext_lazy("One letter or digit is mistyped. Please compare."),
}


@never_cache
@require_http_methods(["GET", "HEAD"])
def room_page(request: HttpRequest, code: str, refusal: LineRefusal | None = None) -> HttpResponse:
    """The public page of a line: how it stands, and the way into it."""
    room = find_room(code)
    if refusal:
        health.count_refusal(room.pk, refusal)
    document = room.board.document
    state = state_of(room, room.now)
    session = signed_in(request)
    facts = facts_of(session.person_id, session.sees_from) if session else None
    context = {
        "room": room,
        "state": state,
        "lead": ROOM_LEADS[state],
        "pause_message": room.pause_message if state == State.PAUSED else "",
        # How the person stands in it, with the button that this allows; a visitor may try to join.
        "stands": show(request, facts, code) if facts else None,
        "may_join": state not in (State.SOON, State.CLOSED),
        "now_document": document,
        "waiting": waiting_in(room),
        "stands_still": stands_still(document, state, room.now),
        "score": scored(document),
        "witnesses": how_witnesses_stand(room),
        "without_quorum": room.quorum and went_on_without(room),
        "totals": last_totals(room) if state == State.CLOSED else {},
        "refusal": refusal,
    }
    status = refusal.status if refusal else 200
    return render(request, "waiting_room/room.html", context, status=status)


@never_cache
def join(request: HttpRequest, code: str) -> HttpResponse:
    if request.method != "POST":
        return redirect("room", code=code)
    session = signed_in(request)
    if session is None:
        return to_identity(reverse("eligibility"))
    room = get_object_or_404(Room.objects.select_related("cohort"), cohort__code=code)
    try:
        ticket = joining.issue_ticket(room=room, person_id=session.person_id)
    except LineRefusal as refusal:
        request.method = "GET"
        return room_page(request, code, refusal)
    return redirect("ticket", ticket_id=ticket.pk)


# The page of the longest waits is the lightest one: see tests/browser/test_waiting.py.
@never_cache
@require_http_methods(["GET", "HEAD"])
def ticket_page(request: HttpRequest, ticket_id: UUID) -> HttpResponse:
    return _show(request, find_ticket(request, ticket_id))


def _show(
    request: HttpRequest,
    ticket: "WithAnnotations[Ticket, AtNow]",
    refusal: LineRefusal | None = None,
) -> HttpResponse:
    if not may_see(request, ticket):
        return neutral(request)
    # At the door the page asks again every few seconds: nobody is refused.
    if refusal and not isinstance(refusal, AtTheDoor):
        health.count_refusal(ticket.room_id, refusal)
    is_own = owns(request, ticket)
    session = signed_in(request)
    # Its code shows a place in the line to others, and nothing of what is booked.
    sees_from = session.sees_from if session and is_own else NOTHING_FROM
    facts, document = facts_of(ticket.person_id, sees_from), _now_document(ticket.room)
    return page_of_ticket(request, ticket, facts, document, is_own=is_own, refusal=refusal)


def page_of_ticket(
    request: HttpRequest,
    ticket: "WithAnnotations[Ticket, AtNow]",
    facts: PersonFacts,
    now_document: dict[str, Any],
    *,
    is_own: bool,
    refusal: LineRefusal | None = None,
) -> HttpResponse:
    """The page of a place in the line; config.own_pages shows it too."""
    stands = show(request, facts, ticket.room.cohort.code)
    shown = standing(ticket, stands, now_document, ticket.now)
    # At the door the page itself says why nobody enters.
    is_said = refusal is not None and shown["phase"] != Phase.DOOR
    context = {
        **shown,
        "ticket": _shown(ticket),
        "mine": is_own,
        "refusal": Text(refusal if is_said else ""),
        "log_origin": origin_of(ticket.room.cohort.code),
        "site": settings.PUBLIC_URL,
    }
    status = refusal.status if refusal else 200
    return moulds.render(request, "waiting_room/ticket.html", context, status=status)


def _shown(ticket: Ticket) -> dict[str, Any]:
    """What the page shows of a ticket, with its addresses."""
    pages = ("enter", "leave_line", "tell", "resume_picture", "ticket_tlog_proof")
    return {
        "pk": Text(ticket.pk),
        "entry": Text(ticket.entry),
        "entry_grouped": Text(grouped(ticket.entry)),
        "provisional": ticket.provisional,
        "code": Text(resume_code_of(ticket)),
        "hash": Text(ticket_hash(ticket.pk)),
        "urls": {name: moulds.address(name, ticket.pk, like=_ANY) for name in pages},
    }


def _now_document(room: Room) -> dict[str, Any]:
    try:
        return documents.get(room.cohort.code).content
    except Http404:
        return {}


def neutral(request: HttpRequest) -> HttpResponse:
    """What a stranger sees at a ticket's address: nothing of it, and two ways to one's own."""
    return render(request, "waiting_room/neutral.html", status=403)


@never_cache
def enter(request: HttpRequest, ticket_id: UUID) -> HttpResponse:
    if request.method != "POST":
        return redirect("ticket", ticket_id=ticket_id)
    ticket = find_ticket(request, ticket_id)
    if not owns(request, ticket):
        if may_see(request, ticket):
            # The code shows a place; booking needs to know who is there.
            return to_identity(reverse("ticket", args=[ticket_id]))
        return neutral(request)
    try:
        entering.enter(ticket=ticket)
    except LineRefusal as refusal:
        return _show(request, find_ticket(request, ticket_id), refusal)
    return entered(request)


def entered(request: HttpRequest) -> HttpResponse:
    """The way on for a person who is inside now."""
    if posted_id(request, "slot") is not None:
        # The browser sends the same form there: the time that was pressed before is held now.
        return redirect("hold", preserve_request=True)
    return redirect("booking")


@never_cache
def more_time(request: HttpRequest, ticket_id: UUID) -> HttpResponse:
    """Fifteen more minutes inside (WCAG 2.2.1), then back to the booking page they came from."""
    if request.method != "POST":
        return redirect("ticket", ticket_id=ticket_id)
    ticket = find_ticket(request, ticket_id)
    if not owns(request, ticket):
        return neutral(request)
    admission = ticket.admissions.filter(ended_at=None).first()
    if admission:
        try:
            entering.extend_admission(admission=admission)
        except LineRefusal as refusal:
            return _show(request, find_ticket(request, ticket_id), refusal)
    following = request.POST.get("next", "")[:2000]
    if following.startswith(reverse("booking")):
        return redirect(following)
    return redirect("ticket", ticket_id=ticket_id)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@keeps_typed_in_any_language
def tell(request: HttpRequest, ticket_id: UUID) -> HttpResponse:
    """The alert of a ticket: asked for, changed or taken back here."""
    ticket = find_ticket(request, ticket_id)
    if not owns(request, ticket):
        if may_see(request, ticket):
            return to_identity(request.path)
        return neutral(request)
    alert = Alert.objects.filter(ticket=ticket).first()
    if request.method == "POST" and "stop" in request.POST:
        telling.cancel_alert(ticket=ticket, language=used_language())
        return redirect("ticket", ticket_id=ticket_id)
    has_chosen = alert is not None and alert.channel != NO_MESSAGE
    initial: dict[str, Any] = {"channel": "sms"}
    if alert and has_chosen:
        initial = {"channel": alert.channel, "email": alert.email}
    initial |= typed(request, "channel", "email")
    form = AlertForm(form_data(request), initial=initial)
    if request.method == "POST" and form.is_valid():
        telling.request_alert(ticket=ticket, language=used_language(), **form.cleaned_data)
        return redirect("ticket", ticket_id=ticket_id)
    context = {
        "ticket": ticket,
        "form": form,
        "typed_form": "tell",
        # The default is told too, until it is refused.
        "is_told": alert is None or has_chosen,
        "phone": masked_phone(ticket.person.phone),
        "by_call": is_landline(ticket.person.phone),
        "channel": form["channel"].value(),
    }
    return render(request, "waiting_room/tell.html", context, status=422 if form.errors else 200)


@never_cache
def leave(request: HttpRequest, ticket_id: UUID) -> HttpResponse:
    if request.method != "POST":
        return redirect("ticket", ticket_id=ticket_id)
    ticket = find_ticket(request, ticket_id)
    if not owns(request, ticket):
        return neutral(request)
    joining.leave_line(ticket=ticket)
    return redirect("ticket", ticket_id=ticket_id)


@never_cache
@require_http_methods(["GET", "HEAD"])
def resume_picture(request: HttpRequest, ticket_id: UUID) -> HttpResponse:
    """The QR code of the way back; apart from the page, which few need it on."""
    ticket = find_ticket(request, ticket_id)
    if not may_see(request, ticket):
        raise Http404
    query = urlencode({"code": resume_code_of(ticket)})
    picture = segno.make(f"{public_url('resume')}?{query}", error="m")
    svg = BytesIO()
    picture.save(svg, kind="svg", scale=6, border=2)
    return HttpResponse(svg.getvalue(), content_type="image/svg+xml")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@keeps_typed_in_any_language
def resume(request: HttpRequest) -> HttpResponse:
    """Back to one's ticket by its code, typed or scanned, on any device."""
    code = (request.POST.get("code") or request.GET.get("code") or "")[:100]
    problem, work = "", NO_WORK
    if code and not is_unsent(request) and needs_work(request, GUESSES, [""], wait_for=code):
        work = work_for(code)
    elif code and not is_unsent(request):
        try:
            ticket = Ticket.objects.filter(resume_index__in=resume_indexes(code)).first()
        except UnreadableCode as error:
            problem = str(RESUME_PROBLEMS[type(error)])
        else:
            if ticket:
                response = redirect("ticket", ticket_id=ticket.pk)
                resumed.add(request, response, str(ticket.pk))
                return response
            problem = _(
                "There is no place with this code. Please compare it, or show who you are instead."
            )
            GUESSES[0].count(request)
    context = {
        "typed": code,
        "typed_form": "resume",
        "problem": problem,
        "asked": request.method == "POST",
        **work,
    }
    status = 422 if problem or work is not NO_WORK else 200
    return render(request, "waiting_room/resume.html", context, status=status)


@require_http_methods(["GET", "HEAD"])
def draw_page(request: HttpRequest, code: str) -> HttpResponse:
    """How the draw works, what was committed to, and how to check one's own place."""
    room = find_room(code)
    return render(request, "waiting_room/draw.html", draw_context(room, room.now))
