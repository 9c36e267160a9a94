"""What is held about a person's places in lines, for "What is held about me"."""

from django.utils.translation import gettext as _

from eligibility.hooks import HeldData
from waiting_room.models import Ticket


def held_data(person_id: int) -> list[HeldData]:  # of eligibility.hooks.held_data
    tickets = Ticket.objects.filter(person=person_id).select_related("room__cohort")
    texts = [_ticket(ticket) for ticket in tickets.order_by("joined_at")]
    return [HeldData(_("My place"), texts)] if texts else []


def _ticket(ticket: Ticket) -> str:
    facts = [f"{_('Entry number')} {ticket.entry:,}"]
    if ticket.place is not None:
        facts.append(f"{_('Place')} {ticket.place:,}")
    if ticket.left_at is not None:
        facts.append(_("Left the line"))
    return f"{ticket.room.cohort.name}: {', '.join(facts)}"
