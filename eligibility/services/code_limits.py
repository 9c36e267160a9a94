"""Limits on sign-in codes per phone and per source, counted from the rows of PhoneCode.

Only unused codes count, so signing in costs nothing. Above a first limit a proof of work is
needed, above a second a pause between codes; a code that was sent stays valid. One phone gets at
most 10 texts an hour and then one per quarter of an hour, 20 a day and then one an hour. A browser
that proved the phone before is counted apart from strangers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from database.inserting import Statement
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

# In one statement: its time, the unused codes of the source, and those to the phone, newest first.
# 60 rows of a day suffice: the limits above stop far below.
ASKED = """
SELECT jari_now(), of_source.sends, to_phone.sends, to_phone.sent_at, to_phone.source_index
FROM (
    SELECT coalesce(sum(sends), 0) AS sends FROM eligibility_phonecode
    WHERE source_index = ANY(%(source)s) AND sent_at > jari_now() - %(source_period)s
        AND used_at IS NULL
) AS of_source
LEFT JOIN LATERAL (
    SELECT sends, sent_at, source_index FROM eligibility_phonecode
    WHERE phone_index = ANY(%(phone)s) AND sent_at > jari_now() - %(phone_period)s
        AND used_at IS NULL AND from_known_browser = %(known)s
        AND (NOT %(known)s OR source_index = ANY(%(source)s))
    ORDER BY sent_at DESC LIMIT 60
) AS to_phone ON true
ORDER BY to_phone.sent_at DESC
"""


@dataclass(frozen=True)
class _Asked:
    """The unused codes that the limits count."""

    now: datetime
    of_source: int
    to_phone: list[_SentCodes]


def check_asking(*, phone: str, source: RequestSource, has_worked: Callable[[], bool]) -> datetime:
    """Raise LimitReached or WorkNeeded if no code may be sent now; returns the time.

    The caller holds `lock_phones`, so that concurrent requests are all counted.
    """
    with connection.cursor() as cursor:
        cursor.execute(*asking(phone, source))
        return check_asked(cursor.fetchall(), source=source, has_worked=has_worked)


def has_not_worked() -> bool:
    return False


def check_asked(
    found: Sequence[tuple[Any, ...]],
    *,
    source: RequestSource,
    has_worked: Callable[[], bool] = has_not_worked,
) -> datetime:
    """`check_asking`, given the rows of `asking`."""
    now: datetime
    now, of_source = found[0][:2]
    asked = _Asked(now, of_source, [row[2:] for row in found if row[2] is not None])
    rows = asked.to_phone
    for period, most, pause in PACED:
        if _count(rows, now - period) >= most and now < rows[0][1] + pause:
            raise LimitReached(
                _(
                    "Many codes went to this number. A code that you have already still works; "
                    "the next one can be sent from %(at)s."
                )
                % {"at": hour_of(rows[0][1] + pause)}
            )
    if _needs_work(asked, source) and not has_worked():
        raise WorkNeeded(_("Many codes went to this number. Start again on the first page."))
    return now


def asking(phone: str, source: RequestSource) -> Statement:
    """The statement that counts."""
    return ASKED, {
        "phone": phone_indexes(phone),
        "phone_period": timedelta(days=1),
        "known": source.known_browser,
        "source": list(source.indexes),
        "source_period": FREE_OF_SOURCE[0],
    }


def _count(rows: list[_SentCodes], since: datetime, source: tuple[bytes, ...] = ()) -> int:
    return sum(
        sends
        for sends, at, index in rows
        if at > since and (not source or (index is not None and bytes(index) in source))
    )


def _needs_work(asked: _Asked, source: RequestSource) -> bool:
    rows, now = asked.to_phone, asked.now
    if any(_count(rows, now - period) >= most for period, most in FREE_TO_PHONE):
        return True
    # The owner's own browser is limited by the phone alone, never by its network.
    if not source.indexes or source.known_browser:
        return False
    period, most = FREE_FROM_SOURCE
    if _count(rows, now - period, source.indexes) >= most:
        return True
    return asked.of_source >= FREE_OF_SOURCE[1]
