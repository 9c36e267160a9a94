"""How long minutes and reports of evenings are kept: no personal data, but they grow each day."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, Min, OuterRef

from reports.models import EveningReport, PortalMinute
from waiting_room.models import Room, RoomMinute


def purge_minutes(now: datetime) -> tuple[str, int]:
    """Delete minutes past their time, but for those that a report to come is worked out of."""
    before = now - timedelta(days=settings.MINUTE_DAYS)
    reported = EveningReport.objects.filter(room=OuterRef("pk"), is_final=True)
    waiting = Room.objects.filter(~Exists(reported), cohort__closes_at__gte=before)
    rooms = RoomMinute.objects.filter(minute__lt=before).exclude(room__in=waiting)
    deleted = rooms.delete()[0]
    oldest = RoomMinute.objects.filter(room__in=waiting).aggregate(at=Min("minute"))["at"]
    portal = PortalMinute.objects.filter(minute__lt=min(before, oldest or before))
    return "minutes", deleted + portal.delete()[0]


def purge_reports(now: datetime) -> tuple[str, int]:
    """Delete reports of evenings past their time. Their part of the public log can be worked out of
    it for ever."""
    before = now - timedelta(days=settings.EVENING_DAYS)
    # A line that closes later than that is over later too, and would be reported anew.
    over = EveningReport.objects.filter(made_at__lt=before, room__cohort__closes_at__lt=before)
    return "reports of evenings", over.delete()[0]
