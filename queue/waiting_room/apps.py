from collections.abc import Collection
from datetime import datetime

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class WaitingRoomConfig(AppConfig):
    name = "waiting_room"
    verbose_name = _("Waiting room")

    def ready(self) -> None:
        from eligibility import hooks  # its models are ready only now

        hooks.joins_from.register(joins_from)


def joins_from(cohort_ids: Collection[int]) -> dict[int, datetime]:
    """Cohort id → when its line can be joined."""
    from waiting_room.models import JOINABLE_FROM, Room

    rooms = Room.objects.filter(cohort_id__in=cohort_ids)
    return dict(rooms.values_list("cohort_id", JOINABLE_FROM))
