"""Follows up provisional tickets when eligibility has decided a review."""

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from database.clock import Now
from eligibility.models import Decision
from events.models import RecordedEvent
from staff.actors import SYSTEM
from waiting_room.events import moved
from waiting_room.exceptions import NotDecided
from waiting_room.models import Ticket


def settle_provisional(person_id: int | None = None) -> tuple[int, int]:
    """Make granted tickets ordinary and end refused ones; returns (granted, ended).

    For one person as soon as the review is closed; for everybody in a job, since the rules may have
    said yes meanwhile, or a join may have read the decision just before the review was closed.
    An ended ticket stays provisional, so that only a new yes brings it back (joining._come_back).
    """
    eligible = Decision.objects.filter(
        person=OuterRef("person"), cohort=OuterRef("room__cohort"), eligible=True
    )
    provisional = Ticket.objects.filter(provisional=True)
    if person_id is not None:
        provisional = provisional.filter(person=person_id)
    granted = provisional.filter(Exists(eligible.filter(provisional=False))).update(
        provisional=False
    )
    refused = list(provisional.filter(~Exists(eligible), left_at=None))
    if not refused:
        return granted, 0
    with transaction.atomic():
        ended = Ticket.objects.filter(
            pk__in=[ticket.pk for ticket in refused], left_at=None
        ).update(left_at=Now())
        RecordedEvent.objects.bulk_create(
            moved(ticket, "left_line", by=SYSTEM) for ticket in refused
        )
    return granted, ended


def refuse_undecided(ticket: Ticket) -> None:
    """Raise NotDecided for a provisional ticket, unless its review has just been granted.

    The trigger admission_takes_a_place refuses provisional tickets as well.
    """
    if not ticket.provisional:
        return
    decided = Decision.objects.filter(
        person=ticket.person_id, cohort=ticket.room.cohort_id, eligible=True, provisional=False
    )
    if not decided.exists():
        raise NotDecided(
            _("Your review is not decided yet. Your place is kept: you enter once it is granted.")
        )
    Ticket.objects.filter(pk=ticket.pk).update(provisional=False)
    ticket.provisional = False
