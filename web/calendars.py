"""Calendar files (RFC 5545) of one event."""

from datetime import timedelta

from django.http import HttpResponse
from icalendar import Alarm, Calendar, Event


def calendar_of(event: Event, *, alarm_before: timedelta) -> bytes:
    """A calendar with this event and a reminder before it; the event has UID and SEQUENCE."""
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", event["summary"])  # required for DISPLAY
    alarm.add("trigger", -alarm_before)
    event.add_component(alarm)
    calendar = Calendar()
    calendar.add("prodid", "-//Jari//Vaccination booking//KO")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add_component(event)
    ical: bytes = calendar.to_ical()
    return ical


def calendar_response(content: bytes, name: str) -> HttpResponse:
    response = HttpResponse(content, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.ics"'
    return response
