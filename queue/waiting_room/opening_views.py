"""The opening of a line as an entry for a calendar."""

from datetime import datetime, timedelta

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from icalendar import Event

from eligibility.sessions import signed_in
from standing.hooks import facts_of
from waiting_room.access import find_room
from waiting_room.models import Room
from web.calendars import calendar_of, calendar_response
from web.public import public_url
from web.times import moment

LASTS = timedelta(minutes=30)


@never_cache
@require_safe
def opening_calendar(request: HttpRequest, code: str) -> HttpResponse:
    """When the line opens; for a person whose own days begin later, when these do."""
    room = find_room(code)
    starts_at = room.cohort.opens_at
    session = signed_in(request)
    line = facts_of(session.person_id, session.sees_from).line_of(code) if session else None
    if line and line.window_from:
        starts_at = max(starts_at, line.window_from)
    return calendar_response(_opening(room, starts_at, room.now), f"jari-{code}")


def _opening(room: Room, starts_at: datetime, now: datetime) -> bytes:
    cohort = room.cohort
    event = Event()
    event.add("uid", f"opening-{cohort.code}@jari")
    # RFC 5545: a later download replaces an earlier one, as after a change of the opening.
    event.add("sequence", int(now.timestamp()))
    event.add("dtstamp", now)
    event.add("dtstart", starts_at)
    event.add("dtend", starts_at + LASTS)
    event.add("summary", _("Booking opens: %(name)s") % {"name": cohort.name})
    event.add("url", public_url("room", cohort.code))
    gather = _("You can take a place in the line from %(at)s.") % {"at": moment(room.joins_from)}
    event.add("description", gather)
    return calendar_of(event, alarm_before=timedelta(minutes=30))
