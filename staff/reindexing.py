"""Failed log-ins under an older index key (privacy.reindexing)."""

from datetime import timedelta

from django.db.models import QuerySet

from privacy.cipher import index_key_number
from privacy.reindexing import ExpiringRows
from staff.models import LogInFailure


def failures() -> ExpiringRows:
    """They count for a day (staff.limits); of a mistyped name only the index is stored."""
    return ExpiringRows(LogInFailure._meta.label, _older, at="at", period=timedelta(days=1))


def _older() -> QuerySet[LogInFailure]:
    return LogInFailure.objects.exclude(name_index__startswith=f"{index_key_number():02x}")
