"""How many codes go to one phone, and out for one source: counted where they are kept.

What counts is a code that was not used: who signs in costs nobody anything. Above a limit work is
asked for, above the next one patience; nobody is refused, and a code that was sent stays good.
Texts to one phone, asked for by strangers: 10 in an hour and then one each quarter of an hour, 20
in a day and then one an hour. A browser that proved this phone before has a count of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone
from django.utils.formats import time_format
from django.utils.translation import gettext as _

from eligibility.exceptions import LimitReached, WorkNeeded

# (how long, how many): from then on a proof of work.
FREE_FROM_SOURCE = (timedelta(minutes=10), 3)
FREE_TO_PHONE = [(timedelta(minutes=10), 6), (timedelta(days=1), 12)]
# (how long, how many, least pause): from then on one code in that time.
PACED = [
    (timedelta(days=1), 20, timedelta(hours=1)),
    (timedelta(hours=1), 10, timedelta(minutes=15)),
]
# Unused codes that one source asked for, to whichever phones, before work is asked for.
FREE_OF_SOURCE = (timedelta(minutes=10), 100)


@dataclass(frozen=True)
class Asker:
    """Who asks: a network, or a browser that proved this very phone before."""

    index: bytes | None = None
    known_browser: bool = False


ANYBODY = Asker()

_Sent = tuple[int, datetime, bytes | None]  # sends, when last, for whom

UNUSED_TO_PHONE = """
SELECT sends, sent_at, source_index FROM eligibility_phonecode
WHERE phone_index = %(phone)s AND sent_at > %(since)s AND used_at IS NULL
    AND from_known_browser = %(known)s AND (NOT %(known)s OR source_index = %(source)s)
ORDER BY sent_at DESC LIMIT 60
"""
UNUSED_OF_SOURCE = """
SELECT coalesce(sum(sends), 0) FROM eligibility_phonecode
WHERE source_index = %s AND sent_at > %s AND used_at IS NULL
"""


def check_asking(
    *, phone_index: bytes, source: Asker, has_worked: Callable[[], bool], now: datetime
) -> None:
    """LimitReached or WorkNeeded if no code may go out now; the caller holds the phone's lock."""
    rows = _unused_to_phone(phone_index, source, now)
    for period, most, pause in PACED:
        if _count(rows, now - period) >= most and now < rows[0][1] + pause:
            raise LimitReached(
                _(
                    "Many codes went to this number. A code that you have already still works; "
                    "the next one can be sent from %(at)s."
                )
                % {"at": time_format(timezone.localtime(rows[0][1] + pause), "H:i")}
            )
    if _is_much(rows, source, now) and not has_worked():
        raise WorkNeeded(_("Many codes went to this number. Start again on the first page."))


def _unused_to_phone(phone_index: bytes, source: Asker, now: datetime) -> list[_Sent]:
    values: dict[str, Any] = {
        "phone": phone_index,
        "since": now - timedelta(days=1),
        "known": source.known_browser,
        "source": source.index,
    }
    with connection.cursor() as cursor:
        cursor.execute(UNUSED_TO_PHONE, values)
        rows: list[_Sent] = cursor.fetchall()
    return rows


def _count(rows: list[_Sent], since: datetime, source: bytes | None = None) -> int:
    return sum(
        sends
        for sends, at, index in rows
        if at > since and (source is None or (index is not None and bytes(index) == source))
    )


def _is_much(rows: list[_Sent], source: Asker, now: datetime) -> bool:
    if any(_count(rows, now - period) >= most for period, most in FREE_TO_PHONE):
        return True
    if source.index is None or source.known_browser:
        return False
    period, most = FREE_FROM_SOURCE
    if _count(rows, now - period, source.index) >= most:
        return True
    period, most = FREE_OF_SOURCE
    with connection.cursor() as cursor:
        cursor.execute(UNUSED_OF_SOURCE, [source.index, now - period])
        return bool(cursor.fetchone()[0] >= most)
