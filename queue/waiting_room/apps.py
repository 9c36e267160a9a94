from collections.abc import Collection, Iterable

from django.apps import AppConfig
from django.core.checks import Tags, register
from django.utils.translation import gettext_lazy as _


class WaitingRoomConfig(AppConfig):
    name = "waiting_room"
    verbose_name = _("Waiting room")

    def ready(self) -> None:
        # Their models are ready only now.
        from eligibility import hooks
        from events.sources import register as register_events
        from messaging.hooks import names
        from messaging.wordings import register as register_wordings
        from privacy.reindexing import parts
        from waiting_room import checks
        from waiting_room.events import SOURCE
        from waiting_room.held_data import held_data
        from waiting_room.services.provisional_tickets import settle_provisional
        from waiting_room.services.reindexing import TicketCodes
        from waiting_room.wordings import WORDINGS

        register_wordings(WORDINGS)
        register(checks.witnesses_can_be_trusted, Tags.security, deploy=True)
        hooks.review_closed.register(settle_provisional)
        hooks.holders.register(with_tickets)
        hooks.held_data.register(held_data)
        names["soon"] = _("ten minutes until the turn")
        names["called"] = _("it is your turn")
        register_events(SOURCE)
        parts.register(TicketCodes)


def with_tickets(people: Collection[int]) -> Iterable[int]:
    """Those of these people who have a ticket, also one that was left: its number can come back."""
    from waiting_room.models import Ticket

    return Ticket.objects.filter(person__in=people).values_list("person_id", flat=True)
