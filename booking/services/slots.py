"""What a clinic offers."""

from django.db import transaction
from django.utils import timezone

from ..exceptions import CapacityBelowBooked
from ..models import Slot
from .offers import offer_freed
from .places import lapse_holds, lock_slots


@transaction.atomic
def set_capacity(*, slot: Slot, capacity: int, by: str) -> Slot:
    """How many people this time takes; CapacityBelowBooked rather than less than are booked.

    Who acted is in the history's context. What this frees goes to the cancellation list first.
    """
    now = timezone.now()
    slots = lock_slots([slot.pk])
    slot = slots[slot.pk]
    lapse_holds(slots, now=now)
    if capacity < slot.booked:
        raise CapacityBelowBooked
    slot.capacity = capacity
    # A margin was measured for the old capacity; the next measuring sets it anew.
    slot.margin = 0
    slot.save(update_fields=["capacity", "margin"])
    offer_freed(slot, now=now)
    return slot
