"""Fast path: the pages before a booking in the event loop, for people who are signed in.

Home, the eligibility page and the page of a place, each by one statement with the session in it,
then the page of the view. A first yes is stored on the way. All else is left to Django's views, the
plain twin: proxies, people for whom more has to be stored, the ticket of another person, a person
at the door, a query in the address, a busy or silent database. Tests compare both answers.
"""

import asyncio
import re
from functools import partial
from typing import Any
from uuid import UUID

from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import translation

from booking.fast_path import KEY, Act, FastPages, finished, is_page
from booking.finder.availability import FRESH_SECONDS, NotAtHand, TimedCache, at_hand
from booking.services.standings import IN_SESSION, read_facts, read_in_session
from config import home
from database.clock import known_now
from database.links import Links
from eligibility import own_rows
from eligibility.facts import cohorts_in_force
from eligibility.models import Cohort
from eligibility.services import decisions
from eligibility.sessions import SESSION, Claim, set_session
from eligibility.views import page_of_answers
from waiting_room.access import TICKET_COLUMNS, ticket_of_row
from waiting_room.now_cache import documents
from waiting_room.views import page_of_ticket

# No row where the session has ended.
ELIGIBILITY = f"""
SELECT session.sees_from, booking_standing(session.person_id, session.sees_from)::text,
    {own_rows.COLUMNS}
FROM {SESSION}, LATERAL {own_rows.OWN_ROWS}
WHERE session.person_id IS NOT NULL
"""  # noqa: S608  (constants)
# Nor for the ticket of another person.
TICKET = f"""
SELECT session.sees_from, booking_standing(session.person_id, session.sees_from)::text,
    jari_now(), {TICKET_COLUMNS}
FROM {SESSION}
JOIN waiting_room_ticket AS ticket
    ON ticket.id = %(ticket)s AND ticket.person_id = session.person_id
"""  # noqa: S608  (constants)


def _read_cohorts(_keys: list[str]) -> dict[str, list[Cohort]]:
    return {"all": cohorts_in_force(known_now())}


# What is decided by them is stored only while they are so (INSERT of decisions).
cohorts = TimedCache(_read_cohorts, FRESH_SECONDS)


class OwnPages(FastPages):
    """The pages of a person before they book."""

    def __init__(self, links: Links | None = None) -> None:
        super().__init__(links)
        self._pages: dict[str, tuple[str, Act]] = {
            reverse("home"): ("home", self._home),
            reverse("eligibility"): ("eligibility", self._eligibility),
        }
        nobody = UUID(int=0)
        ticket = reverse("ticket", args=[nobody])
        self._tickets = re.compile(ticket.replace(str(nobody), f"({KEY.pattern})"))

    def act_for(self, environ: dict[str, Any]) -> tuple[str, Act | None]:
        path = environ["PATH_INFO"]
        if not is_page(environ):
            return "", None
        if ticket := self._tickets.fullmatch(path):
            return "ticket", partial(self._ticket, ticket_id=UUID(ticket[1]))
        return self._pages.get(path, ("", None))

    async def _home(self, request: HttpRequest, claim: Claim) -> HttpResponse | None:
        rows = await self._links.run(IN_SESSION, claim.values)
        await fill(home.lines)
        if not rows:
            return None
        with translation.override(request.LANGUAGE_CODE), at_hand():
            session, facts = read_in_session(claim, rows[0])
            if facts is None:
                return None
            set_session(request, session)
            return finished(request, home.home_of(request, facts))

    async def _eligibility(self, request: HttpRequest, claim: Claim) -> HttpResponse | None:
        # Once more after something was stored, as the facts are those of what is stored.
        for _look in range(2):
            rows = await self._links.run(ELIGIBILITY, claim.values)
            await fill(cohorts)
            session = claim.session(rows[0][0]) if rows else None
            if not rows or session is None:
                return None
            _sees_from, found, *row = rows[0]
            person, reviews = own_rows.read(session, row)
            now = known_now()
            with at_hand():
                decided = decisions.decide_at_once(person, cohorts.get(["all"])["all"], now)
            if decided is None:
                return None
            answers, new = decided
            if new:
                values = decisions.inserting(person, new, now)
                await self._links.run(decisions.INSERT, values)
                continue
            set_session(request, session)
            with translation.override(request.LANGUAGE_CODE):
                page = page_of_answers(request, person, answers, reviews, read_facts(found))
                return finished(request, page)
        return None

    async def _ticket(
        self, request: HttpRequest, claim: Claim, *, ticket_id: UUID
    ) -> HttpResponse | None:
        rows = await self._links.run(TICKET, claim.values | {"ticket": ticket_id})
        await fill(home.lines)
        if not rows:
            return None
        with translation.override(request.LANGUAGE_CODE), at_hand():
            sees_from, found, now, *row = rows[0]
            ticket = ticket_of_row(now, row)
            room = home.room_of(ticket.room_id)
            document = documents.fresh(room.cohort.code) if room else None
            if room is None or document is None:
                return None
            ticket.room = room
            set_session(request, claim.session(sees_from))
            facts = read_facts(found)
            page = page_of_ticket(request, ticket, facts, document.content, is_own=True)
            return finished(request, page)


async def fill(cache: TimedCache[str, Any]) -> None:
    """Have a thread read what is the same for everybody, where it is older than its second."""
    try:
        with at_hand():
            cache.get(["all"])
    except NotAtHand:
        await asyncio.get_running_loop().run_in_executor(None, partial(_read, cache))


def _read(cache: TimedCache[str, Any]) -> None:
    try:
        cache.get(["all"])
    finally:
        close_old_connections()  # as Django does at the end of a request
