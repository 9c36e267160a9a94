"""Booking side by side: for those for whom a person may act, and mostly for that person too."""

import uuid
from dataclasses import replace
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from booking.exceptions import HoldLapsed, NothingHeld, Refused
from booking.finder.beside import Beside
from booking.models import Reservation
from booking.rules import NextDose
from booking.services import courses, reading
from booking.services import together as services
from booking.services.together import ONESELF, Party
from booking.views.common import to_identity_and_back
from booking.views.finder import finder_page
from booking.views.holds import clock_of
from booking.views.purposes import Purpose, after_first, first_dose_purpose, next_dose
from booking.views.stays import Stay
from database.clock import known_now
from eligibility.models import Proxy
from eligibility.sessions import EVERYTHING_FROM, signed_in
from standing.hooks import facts_of, show
from standing.rules import standing_of
from standing.states import State
from waiting_room import health
from waiting_room.decorators import booking_page
from waiting_room.models import Admission
from waiting_room.services.entering import live_admission
from web.posted import posted_id
from web.times import hour_of

# More names than anybody may act for.
MOST_NAMED = 20


def _for_party(request: HttpRequest, party: str) -> dict[str, Any] | HttpResponse:
    """Guard: a person in a session of their own who may act for all the others; gives `party`.

    The address names proxies and oneself, such as `me-3-5`. One name alone means both.
    """
    session = signed_in(request)
    if session is None:
        return to_identity_and_back(request)
    if session.by_id:
        return redirect("eligibility")
    named = party.split("-")
    ids = {int(name) for name in named if _is_id(name)}
    if len(named) > MOST_NAMED or len(ids) + (ONESELF in named) < len(named):
        raise Http404
    live = Proxy.objects.filter(pk__in=ids, by=session.person_id, ended_at=None)
    proxies = tuple(live.select_related("person", "by").order_by("pk"))
    if not proxies or len(proxies) < len(ids):
        raise Http404
    with_oneself = ONESELF in named or len(proxies) == 1
    return {"party": Party(proxies[0].by, proxies, with_oneself)}


@require_safe
def people(request: HttpRequest) -> HttpResponse:
    """From the people chosen on the page of the family (`with`) to their times."""
    names = request.GET.getlist("with")[:MOST_NAMED]
    chosen = [name for name in names if name == ONESELF or _is_id(name)]
    if not any(map(_is_id, chosen)):
        return redirect("family")
    return redirect("together", party="-".join(chosen))


def _is_id(name: str) -> bool:
    return name.isdecimal() and name.isascii() and len(name) < 18


def _admissions(party: Party) -> dict[int, Admission] | None:
    """Under which each books, by person; None where one of them is not inside."""
    found = {pk: live_admission(pk) for pk in party.ids}
    live = {pk: admission for pk, admission in found.items() if admission}
    return live if len(live) == len(found) else None


@require_http_methods(["GET", "HEAD", "POST"])
@booking_page(_for_party)
def together(request: HttpRequest, party: Party) -> HttpResponse:
    """Times with a place for everybody; POST `slot` holds them."""
    admissions = _admissions(party)
    purpose = _purpose(party, admissions) if admissions else None
    if admissions is None or purpose is None:
        return _apart(request, party)
    if request.method != "POST":
        return finder_page(request, purpose, code=request.GET.get("clinic"), home=party.by)
    slot_id = posted_id(request, "slot")
    try:
        if slot_id is None:
            raise Refused(_("Choose a time."))
        services.hold_together(party=party, admissions=_ids(admissions), slot_id=slot_id)
    except Refused as refusal:
        request.GET = request.POST
        return finder_page(request, purpose, home=party.by, refusal=refusal)
    return redirect("together_confirm", party=party.name)


def _ids(admissions: dict[int, Admission]) -> dict[int, int]:
    return {person_id: admission.pk for person_id, admission in admissions.items()}


def _purpose(party: Party, admissions: dict[int, Admission]) -> Purpose | None:
    """To book all; None where one of them has nothing to book."""
    turns: list[NextDose] = [
        next_dose(courses.course_of(pk), first_dose_purpose(admission).vaccines)
        for pk, admission in admissions.items()
    ]
    if any(turn.refusal for turn in turns):
        return None
    address = reverse("together", args=[party.name])
    own = admissions[party.ids[0]] if party.with_oneself else None
    until = min(admission.expires_at for admission in admissions.values())
    names = ", ".join(person.name for person in party.people)
    lead = _(
        "%(names)s: choose one time. Everybody gets a place at that time, or within an hour of it "
        "at the same clinic. All places are kept, or none."
    ) % {"names": names}
    # The page's own clock says it too, where nobody's time ends before one's own.
    if own is None or until < own.expires_at:
        lead += " " + _("You can book until %(until)s.") % {"until": hour_of(until)}
    return Purpose(
        title=_("Choose a time for all of you"),
        base=address,
        action=address,
        lead=lead,
        back=reverse("family"),
        vaccines=turns[0].vaccines,
        days=turns[0].days,
        beside=tuple(Beside(turn.vaccines, turn.days) for turn in turns[1:]),
        stay=Stay.of(own) if own else None,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@booking_page(_for_party)
def second(request: HttpRequest, party: Party) -> HttpResponse:
    """Other times for the second doses of what is kept; POST `second` holds them."""
    held = services.held_together(party)
    firsts = _firsts(held)
    admissions = _admissions(party)
    if not firsts or admissions is None:
        return redirect("together_confirm", party=party.name)
    purpose = _second_purpose(party, firsts)
    if request.method != "POST":
        code = request.GET.get("clinic")
        return finder_page(request, purpose, code=code, default=firsts[0].slot)
    second_id = posted_id(request, "second")
    try:
        if second_id is None:
            raise Refused(_("Choose a time."))
        services.hold_together(
            party=party,
            admissions=_ids(admissions),
            slot_id=held[0].slot_id,
            second_id=second_id,
        )
    except Refused as refusal:
        request.GET = request.POST
        return finder_page(request, purpose, default=firsts[0].slot, refusal=refusal)
    return redirect("together_confirm", party=party.name)


def _firsts(held: list[Reservation]) -> list[Reservation]:
    """The holds after which a second dose follows."""
    return [row for row in held if row.dose == 1 and row.slot.vaccine.doses > 1]


def _second_purpose(party: Party, firsts: list[Reservation]) -> Purpose:
    address = reverse("together_second", args=[party.name])
    purposes = [
        after_first(row.slot.vaccine, timezone.localtime(row.slot.starts_at).date())
        for row in firsts
    ]
    return replace(
        purposes[0],
        title=_("Choose the time of the second doses"),
        base=address,
        action=address,
        field="second",
        back=reverse("together_confirm", args=[party.name]),
        beside=tuple(Beside(other.vaccines, other.days) for other in purposes[1:]),
    )


def _apart(request: HttpRequest, party: Party, refusal: Refused | None = None) -> HttpResponse:
    """Where each stands, and what is kept for some, while nothing is kept for all."""
    health.note_refusal(refusal)
    now = known_now()
    own = show(request, facts_of(party.by.pk, EVERYTHING_FROM))
    sees_from = {
        proxy.person_id: EVERYTHING_FROM if proxy.shows_earlier else proxy.declared_at
        for proxy in party.proxies
    }
    agreed_at = {proxy.person_id: proxy.declared_at for proxy in party.proxies}
    standings = [
        (
            person,
            standing_of(facts_of(person.pk, sees_from[person.pk]))
            if person.pk in sees_from
            else own,
        )
        for person in party.people
    ]
    context = {
        "refusal": refusal,
        "party": party.name,
        "proxies": party.proxies,
        "standings": standings,
        "are_booked": all(stands.state in (State.BOOKED, State.DONE) for _, stands in standings),
        "left": [
            (person, row)
            for person in party.people
            for row in reading.held_by(person.pk)
            if row.is_holding(now) and row.created_at >= agreed_at.get(person.pk, EVERYTHING_FROM)
        ],
    }
    return render(request, "booking/together_apart.html", context, status=409 if refusal else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@booking_page(_for_party)
def confirm(request: HttpRequest, party: Party) -> HttpResponse:
    """What is kept for all, or booked; POST `key`, one for each in their order, confirms all."""
    if request.method == "POST":
        try:
            services.confirm_together(party=party, keys=_keys(request, party))
        except Refused as refusal:
            return _apart(request, party, refusal)
        return redirect("together_confirm", party=party.name)
    held = services.held_together(party)
    if held:
        return _confirm_page(request, party, held)
    booked = services.booked_together(party)
    if not booked:
        return _apart(request, party, HoldLapsed())
    show(request, facts_of(party.by.pk, EVERYTHING_FROM))
    own = [row.number for row in booked if row.person_id == party.by.pk]
    context = {
        "booked": booked,
        "own_number": own[0] if own else "",
        "proxies": party.proxies,
    }
    return render(request, "booking/together_booked.html", context)


def _keys(request: HttpRequest, party: Party) -> dict[int, uuid.UUID]:
    try:
        keys = [uuid.UUID(key) for key in request.POST.getlist("key")]
        return dict(zip(party.ids, keys, strict=True))
    except ValueError:
        raise NothingHeld from None


def _confirm_page(
    request: HttpRequest,
    party: Party,
    held: list[Reservation],
    refusal: Refused | None = None,
) -> HttpResponse:
    health.note_refusal(refusal)
    show(request, facts_of(party.by.pk, EVERYTHING_FROM))
    # Each may have lengthened their own alone; all last as long as the shortest.
    shortest = min(held, key=lambda row: row.held_until or known_now())
    clock = clock_of(shortest, known_now()) | {
        "extend_at": reverse("together_extend", args=[party.name]),
        "after": reverse("together", args=[party.name]),
    }
    firsts = _firsts(held)
    seconds = {row.person_id for row in held if row.dose == 2}
    context = {
        "party": party.name,
        "held": held,
        "keys": list({row.person_id: row.key for row in held}.values()),
        "refusal": refusal,
        "clock": clock,
        "here": reverse("together_confirm", args=[party.name]),
        "second_url": reverse("together_second", args=[party.name]) if firsts else "",
        "lacks_second": any(row.person_id not in seconds for row in firsts),
    }
    status = 409 if refusal else 200
    return render(request, "booking/together_confirm.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@booking_page(_for_party)
def extend(request: HttpRequest, party: Party) -> HttpResponse:
    if request.method == "POST":
        try:
            services.extend_together(
                party=party,
                keys=_keys(request, party),
                extension=posted_id(request, "extension"),
            )
        except Refused as refusal:
            held = services.held_together(party)
            if held:
                return _confirm_page(request, party, held, refusal)
            return _apart(request, party, refusal)
    return redirect("together_confirm", party=party.name)


@require_http_methods(["GET", "HEAD", "POST"])
@booking_page(_for_party)
def release(request: HttpRequest, party: Party) -> HttpResponse:
    if request.method == "POST":
        services.release_together(party=party)
    return redirect("together", party=party.name)
