"""Limits on sign-in codes per phone and per source, counted from the rows of PhoneCode.

Only unused codes count, so signing in costs nothing. Above a first limit a proof of work is
needed, above a second a pause between codes; a code that was sent stays valid. One phone gets at
most 10 texts an hour and then one per quarter of an hour, 20 a day and then one an hour. A browser
that proved the phone before is counted apart from strangers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from eligibility.exceptions import LimitReached, WorkNeeded
from eligibility.indexes import phone_indexes
from web.times import hour_of

# (period, codes in it): at this number a proof of work is needed.
FREE_FROM_SOURCE = (timedelta(minutes=10), 3)
FREE_TO_PHONE = [(timedelta(minutes=10), 6), (timedelta(days=1), 12)]
# (period, codes in it, pause): at this number one code per pause. The longer pause first.
PACED = [
    (timedelta(days=1), 20, timedelta(hours=1)),
    (timedelta(hours=1), 10, timedelta(minutes=15)),
]
# Unused codes that one source may ask for, to all phones, before a proof of work is needed.
FREE_OF_SOURCE = (timedelta(minutes=10), 100)


@dataclass(frozen=True)
class RequestSource:
    """Where a request for a code comes from: a network, or a browser that proved this phone.

    `indexes` are keyed hashes of either, one under each index key; empty for a private network,
    which is not counted.
    """

    indexes: tuple[bytes, ...] = ()
    known_browser: bool = False

    @property
    def index(self) -> bytes | None:
        """The one to be stored."""
        return self.indexes[0] if self.indexes else None


UNKNOWN_SOURCE = RequestSource()

_SentCodes = tuple[int, datetime, bytes | None]  # number of sends, time of the last, source index

# Newest first. 60 rows of a day suffice: the limits above stop far below.
UNUSED_TO_PHONE = """
SELECT sends, sent_at, source_index FROM eligibility_phonecode
WHERE phone_index = ANY(%(phone)s) AND sent_at > %(since)s AND used_at IS NULL
    AND from_known_browser = %(known)s AND (NOT %(known)s OR source_index = ANY(%(source)s))
ORDER BY sent_at DESC LIMIT 60
"""
UNUSED_OF_SOURCE = """
SELECT coalesce(sum(sends), 0) FROM eligibility_phonecode
WHERE source_index = ANY(%s) AND sent_at > %s AND used_at IS NULL
"""


def check_asking(
    *, phone: str, source: RequestSource, has_worked: Callable[[], bool], now: datetime
) -> None:
    """Raise LimitReached or WorkNeeded if no code may be sent now.

    The caller holds `lock_phones`, so that concurrent requests are all counted.
    """
    rows = _unused_to_phone(phone, source, now)
    for period, most, pause in PACED:
        if _count(rows, now - period) >= most and now < rows[0][1] + pause:
            raise LimitReached(
                _(
                    "Many codes went to this number. A code that you have already still works; "
                    "the next one can be sent from %(at)s."
                )
                % {"at": hour_of(rows[0][1] + pause)}
            )
    if _needs_work(rows, source, now) and not has_worked():
        raise WorkNeeded(_("Many codes went to this number. Start again on the first page."))


def _unused_to_phone(phone: str, source: RequestSource, now: datetime) -> list[_SentCodes]:
    values: dict[str, Any] = {
        "phone": phone_indexes(phone),
        "since": now - timedelta(days=1),
        "known": source.known_browser,
        "source": list(source.indexes),
    }
    with connection.cursor() as cursor:
        cursor.execute(UNUSED_TO_PHONE, values)
        rows: list[_SentCodes] = cursor.fetchall()
    return rows


def _count(rows: list[_SentCodes], since: datetime, source: tuple[bytes, ...] = ()) -> int:
    return sum(
        sends
        for sends, at, index in rows
        if at > since and (not source or (index is not None and bytes(index) in source))
    )


def _needs_work(rows: list[_SentCodes], source: RequestSource, now: datetime) -> bool:
    if any(_count(rows, now - period) >= most for period, most in FREE_TO_PHONE):
        return True
    # The owner's own browser is limited by the phone alone, never by its network.
    if not source.indexes or source.known_browser:
        return False
    period, most = FREE_FROM_SOURCE
    if _count(rows, now - period, source.indexes) >= most:
        return True
    period, most = FREE_OF_SOURCE
    with connection.cursor() as cursor:
        cursor.execute(UNUSED_OF_SOURCE, [list(source.indexes), now - period])
        return bool(cursor.fetchone()[0] >= most)
