"""What becomes of provisional tickets when eligibility has decided a review."""

from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from eligibility.models import Decision
from waiting_room.enums import Ending
from waiting_room.models import Admission, Ticket
from waiting_room.services.entering import end_admission


def settle_provisional() -> tuple[int, int]:
    """Make granted tickets ordinary and end refused ones; how many of each.

    A ticket that ended stays provisional: that is how booking knows what to free.
    """
    told = Decision.objects.filter(
        person=OuterRef("person"), cohort=OuterRef("room__cohort"), eligible=True
    )
    provisional = Ticket.objects.filter(provisional=True)
    granted = provisional.filter(Exists(told.filter(provisional=False))).update(provisional=False)
    refused = list(provisional.filter(~Exists(told), left_at=None).values_list("pk", flat=True))
    ended = Ticket.objects.filter(pk__in=refused).update(left_at=Now()) if refused else 0
    for admission in Admission.objects.filter(ticket__in=refused, ended_at=None):
        end_admission(admission=admission, ending=Ending.LEFT)
    return granted, ended
