"""Booking for two people side by side: a person, and one for whom they may act."""

import uuid
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from booking.exceptions import HoldLapsed, NothingHeld, Refused
from booking.finder.beside import Beside
from booking.models import Reservation
from booking.services import courses, reading
from booking.services import together as services
from booking.services.together import Pair
from booking.views.common import to_identity_and_back
from booking.views.finder import finder_page
from booking.views.holds import clock_of
from booking.views.purposes import Purpose, first_dose_purpose, next_dose
from booking.views.stays import Stay
from database.clock import known_now
from eligibility.models import Proxy
from eligibility.sessions import EVERYTHING_FROM, signed_in
from standing.hooks import facts_of, show
from standing.rules import standing_of
from waiting_room import health
from waiting_room.decorators import booking_page
from waiting_room.models import Admission
from waiting_room.services.entering import live_admission
from web.posted import posted_id


def _for_ward(request: HttpRequest, pk: int) -> dict[str, Any] | HttpResponse:
    """Guard: a person in a session of their own who may act for the other; gives `proxy`."""
    session = signed_in(request)
    if session is None:
        return to_identity_and_back(request)
    if session.by_id:
        return redirect("eligibility")
    live = Proxy.objects.filter(pk=pk, by=session.person_id, ended_at=None)
    proxy = live.select_related("person", "by").first()
    if proxy is None:
        raise Http404
    return {"proxy": proxy}


@require_http_methods(["GET", "HEAD", "POST"])
@booking_page(_for_ward)
def together(request: HttpRequest, proxy: Proxy) -> HttpResponse:
    """Times with a place for both; POST `slot` holds both."""
    own, other = live_admission(proxy.by_id), live_admission(proxy.person_id)
    purpose = _purpose(proxy, own, other) if own and other else None
    if own is None or other is None or purpose is None:
        return _apart(request, proxy)
    if request.method != "POST":
        return finder_page(request, purpose, code=request.GET.get("clinic"), home=proxy.by)
    slot_id = posted_id(request, "slot")
    try:
        if slot_id is None:
            raise Refused(_("Choose a time."))
        services.hold_together(pair=Pair(proxy, own.pk, other.pk), slot_id=slot_id)
    except Refused as refusal:
        request.GET = request.POST
        return finder_page(request, purpose, home=proxy.by, refusal=refusal)
    return redirect("together_confirm", pk=proxy.pk)


def _purpose(proxy: Proxy, own: Admission, other: Admission) -> Purpose | None:
    """To book both; None where one of them has nothing to book."""
    turns = [
        next_dose(courses.course_of(person_id), first_dose_purpose(admission).vaccines)
        for person_id, admission in ((proxy.by_id, own), (proxy.person_id, other))
    ]
    if any(turn.refusal for turn in turns):
        return None
    address = reverse("together", args=[proxy.pk])
    until = timezone.localtime(min(own.expires_at, other.expires_at))
    values = {"name": proxy.person.name, "until": f"{until:%H:%M}"}
    lead = _(
        "Choose a time. %(name)s gets a place at the same time, or within an hour of it at the "
        "same clinic. Both places are kept, or neither. You both can book until %(until)s."
    )
    return Purpose(
        title=_("Choose a time for you and %(name)s") % values,
        base=address,
        action=address,
        lead=lead % values,
        back=reverse("family"),
        vaccines=turns[0].vaccines,
        days=turns[0].days,
        beside=Beside(turns[1].vaccines, turns[1].days),
        stay=Stay.of(own),
    )


def _apart(request: HttpRequest, proxy: Proxy, refusal: Refused | None = None) -> HttpResponse:
    """Where each of both stands, and what is kept for either, while nothing is kept for both."""
    health.note_refusal(refusal)
    sees_from = EVERYTHING_FROM if proxy.shows_earlier else proxy.declared_at
    now = known_now()
    context = {
        "refusal": refusal,
        "proxy": proxy,
        "own": show(request, facts_of(proxy.by_id, EVERYTHING_FROM)),
        "theirs": standing_of(facts_of(proxy.person_id, sees_from)),
        "left": [
            (person, row)
            for person in (proxy.by, proxy.person)
            for row in reading.held_by(person.pk)
            if row.is_holding(now) and row.created_at >= proxy.declared_at
        ],
    }
    return render(request, "booking/apart.html", context, status=409 if refusal else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@booking_page(_for_ward)
def confirm(request: HttpRequest, proxy: Proxy) -> HttpResponse:
    """What is kept for both, or booked; POST `own` and `theirs`, the keys, confirms both."""
    if request.method == "POST":
        try:
            services.confirm_together(proxy=proxy, keys=_keys(request, proxy))
        except Refused as refusal:
            return _apart(request, proxy, refusal)
        return redirect("together_confirm", pk=proxy.pk)
    held = services.held_together(proxy)
    if held:
        return _confirm_page(request, proxy, held)
    booked = services.booked_together(proxy)
    if not booked:
        return _apart(request, proxy, HoldLapsed())
    show(request, facts_of(proxy.by_id, EVERYTHING_FROM))
    return render(request, "booking/both_booked.html", {"proxy": proxy, "booked": booked})


def _keys(request: HttpRequest, proxy: Proxy) -> dict[int, uuid.UUID]:
    try:
        return {
            proxy.by_id: uuid.UUID(request.POST.get("own", "")),
            proxy.person_id: uuid.UUID(request.POST.get("theirs", "")),
        }
    except ValueError:
        raise NothingHeld from None


def _confirm_page(
    request: HttpRequest,
    proxy: Proxy,
    held: list[Reservation],
    refusal: Refused | None = None,
) -> HttpResponse:
    health.note_refusal(refusal)
    show(request, facts_of(proxy.by_id, EVERYTHING_FROM))
    here = reverse("together_confirm", args=[proxy.pk])
    # Either may have lengthened their own alone; both last as long as the shorter.
    shorter = min(held, key=lambda row: row.held_until or known_now())
    clock = clock_of(shorter, known_now()) | {
        "extend_at": reverse("together_extend", args=[proxy.pk]),
        "after": reverse("together", args=[proxy.pk]),
    }
    context = {"proxy": proxy, "held": held, "refusal": refusal, "clock": clock, "here": here}
    return render(request, "booking/both.html", context, status=409 if refusal else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@booking_page(_for_ward)
def extend(request: HttpRequest, proxy: Proxy) -> HttpResponse:
    if request.method == "POST":
        try:
            services.extend_together(
                proxy=proxy,
                keys=_keys(request, proxy),
                extension=posted_id(request, "extension"),
            )
        except Refused as refusal:
            held = services.held_together(proxy)
            if held:
                return _confirm_page(request, proxy, held, refusal)
            return _apart(request, proxy, refusal)
    return redirect("together_confirm", pk=proxy.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@booking_page(_for_ward)
def release(request: HttpRequest, proxy: Proxy) -> HttpResponse:
    if request.method == "POST":
        services.release_together(proxy=proxy)
    return redirect("together", pk=proxy.pk)
