"""The front page and a person's own. They lie above all apps: they show lines and bookings."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from booking.finder.availability import FRESH_SECONDS, TimedCache
from booking.services.standings import in_session
from database.clock import known_now
from eligibility.models import Cohort
from eligibility.sessions import claim_of, set_session, to_identity
from standing.facts import PersonFacts
from standing.hooks import show
from standing.parts import parts_of
from standing.rules import of_each_line, public_state
from standing.states import KEEPS_ITS_PAGE, PERSONAL, State
from standing.texts import TABLE
from waiting_room.line_facts import facts_of_room, facts_without_room
from waiting_room.models import Room
from web import moulds
from web.moulds import Text
from web.times import day_in

# Order of the cohorts on the page; within a state they stay in the order of their openings.
STATES = [
    State.MAY_JOIN,
    State.PAUSED,
    State.STILL,
    State.MAY_GATHER,
    State.NOT_YET,
    State.CLOSED,
]
# Of a cohort, on its card.
SHOWN = ("name", "birth_from", "birth_to", "opens_at", "closes_at", "order")
# States without a time to choose: what would suit is not asked there.
CHOOSES_NOTHING = {
    State.NOT_YOURS,
    State.HELD,
    State.OFFER,
    State.BOOKED,
    State.DONE,
    State.CLOSED,
}


@never_cache
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Cohorts with their windows, and where the signed-in person stands."""
    return home_of(request, _facts_in_session(request))


def home_of(request: HttpRequest, facts: PersonFacts | None) -> HttpResponse:
    """The front page of a person, or of a visitor; config.own_pages shows it too."""
    cohorts = sorted(_cards(), key=lambda card: STATES.index(card["state"]))
    context = {
        "cohorts": cohorts,
        "stands": parts_of(show(request, facts)) if facts else None,
        "dial": _dial(),
    }
    return moulds.render(request, "home.html", context)


@never_cache
@require_safe
def own_place(request: HttpRequest) -> HttpResponse:
    """The whole case of a person: where they stand, and each of their lines."""
    facts = _facts_in_session(request)
    if facts is None:
        return to_identity(request.path)
    stands = show(request, facts)
    lines = of_each_line(facts)
    if stands.state in PERSONAL:
        # What is booked leaves nothing to join or to enter; a place that waits is still theirs.
        lines = [line for line in lines if line.state in KEEPS_ITS_PAGE]
    else:
        lines = [line for line in lines if line.line != stands.line]
    may_wish = stands.state not in CHOOSES_NOTHING
    context = {"stands": stands, "lines": lines, "may_wish": may_wish}
    return render(request, "own_place.html", context)


@never_cache
@require_safe
def how(request: HttpRequest) -> HttpResponse:
    """The line in six pictures; how it is checked stands behind them, for experts."""
    return render(request, "how.html")


def _facts_in_session(request: HttpRequest) -> PersonFacts | None:
    claim = claim_of(request)
    if claim is None:
        return None
    session, facts = in_session(claim)
    set_session(request, session)
    return facts


def _dial() -> dict[str, Text]:
    """The portal's time, which a script carries on."""
    now = localtime(known_now())
    day = day_in(_("D j F Y"), now.date())
    return {
        "at": Text(now.isoformat()),
        "time": Text(f"{now:%H:%M:%S}"),
        "date": Text(f"{now:%Y-%m-%d}"),
        "day": Text(day),
    }


def _cards() -> list[dict[str, Any]]:
    """A card for each cohort, with how its line stands for everybody."""
    now = known_now()
    cards = []
    for cohort, room in lines.get(["all"])["all"]:
        if room is None:
            line = facts_without_room(cohort, now)
        else:
            line = facts_of_room(room, now, ticked_at=room.line.ticked_at)
        state = public_state(line, now)
        shown = {name: getattr(cohort, name) for name in SHOWN}
        texts = {"badge": TABLE[state].badge, "tone": TABLE[state].tone}
        cards.append({"cohort": shown, "state": state, "texts": texts})
    return cards


def _read_lines(_keys: list[str]) -> dict[str, list[tuple[Cohort, Room | None]]]:
    """All cohorts, each with its room, in two statements."""
    rooms = {room.cohort_id: room for room in Room.objects.select_related("line")}
    cohorts = list(Cohort.objects.all())
    for cohort in cohorts:
        if room := rooms.get(cohort.pk):
            room.cohort = cohort
    return {"all": [(cohort, rooms.get(cohort.pk)) for cohort in cohorts]}


def room_of(room_id: int) -> Room | None:
    """A room with its cohort and line, as they stand for everybody."""
    rooms = (room for _cohort, room in lines.get(["all"])["all"])
    return next((room for room in rooms if room and room.pk == room_id), None)


# The same for everybody: read at most once a second.
lines = TimedCache(_read_lines, FRESH_SECONDS)
