"""Letters: messages that a local government prints, each once unless a batch is repeated."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, Q, QuerySet

from database.clock import Now, database_now
from messaging.enums import Channel, MessageStatus
from messaging.models import Message

# In one file: an office prints them between two callers.
MOST_PRINTED = 200
# So long a batch can be printed again.
LISTED = timedelta(days=14)


def letters() -> QuerySet[Message]:
    return Message.objects.filter(channel=Channel.LETTER)


def waiting(of: QuerySet[Message]) -> QuerySet[Message]:
    """The letters among these that are to be printed, the oldest first."""
    in_time = Q(not_after=None) | Q(not_after__gt=Now())
    return of.filter(in_time, status=MessageStatus.WAITING).order_by("created_at", "pk")


@transaction.atomic
def print_waiting(of: QuerySet[Message], *, by: str) -> list[Message]:
    """Take the oldest letters among these, MOST_PRINTED at most, as printed by `by` now.

    Two desks that print at once get different letters.
    """
    rows = list(
        waiting(of).select_for_update(of=("self",), skip_locked=True, no_key=True)[:MOST_PRINTED]
    )
    now = database_now()
    for row in rows:
        row.status, row.sent_at, row.printed_by, row.tries = MessageStatus.SENT, now, by, 1
    Message.objects.bulk_update(rows, ["status", "sent_at", "printed_by", "tries"])
    return rows


def batch(of: QuerySet[Message], *, printed_at: datetime, by: str) -> list[Message]:
    """The letters that `by` printed together then, to be printed again."""
    printed = of.filter(status=MessageStatus.SENT, sent_at=printed_at, printed_by=by)
    return list(printed.order_by("created_at", "pk")[:MOST_PRINTED])


def batches(of: QuerySet[Message]) -> list[tuple[datetime, str, int]]:
    """(when, by whom, how many) were printed together lately, the newest first."""
    since = Now() - LISTED
    printed = of.filter(status=MessageStatus.SENT, sent_at__gt=since)
    groups = printed.order_by().values_list("sent_at", "printed_by").annotate(count=Count("pk"))
    return [(at, by, count) for at, by, count in groups.order_by("-sent_at")[:30] if at]
