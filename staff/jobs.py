"""Periodic jobs (config.cron)."""

from database.clock import database_now
from staff.limits import forget_old_failures
from staff.models import Session


def tidy() -> None:
    """Delete failed log-ins after ninety days, and expired sessions."""
    forget_old_failures()
    Session.objects.filter(expire_date__lt=database_now()).delete()
