"""One of several processes acts, and the database decides which.

A lease is a row with an end, by the database's clock. An advisory lock of the session would be
shorter, but it is lost behind PgBouncer in transaction mode, and a hung holder would keep it.
"""

import logging
import time

from django.db import DatabaseError, connection

log = logging.getLogger(__name__)

_TAKE = """
INSERT INTO database_lease AS lease (name, holder, until)
VALUES (%(name)s, %(holder)s, jari_now() + %(seconds)s * interval '1 second')
ON CONFLICT (name) DO UPDATE SET holder = EXCLUDED.holder, until = EXCLUDED.until
WHERE lease.holder = EXCLUDED.holder OR lease.until <= jari_now()
RETURNING true
"""
_GIVE_BACK = "DELETE FROM database_lease WHERE name = %(name)s AND holder = %(holder)s"


class Turn:
    """The turn of `holder`, a name that no other process has, to do `name`."""

    def __init__(self, name: str, holder: str, *, seconds: float) -> None:
        self.names = {"name": name, "holder": holder}
        self.seconds = seconds
        self._until = 0.0  # of the monotonic clock; never later than the database's end
        self._ask_at = 0.0

    @property
    def is_held(self) -> bool:
        return time.monotonic() < self._until

    def take(self) -> bool:
        """Whether it is this process's turn. The holder asks again after a third of it."""
        now = time.monotonic()
        if now < self._ask_at:
            return self.is_held
        try:
            with connection.cursor() as cursor:
                cursor.execute(_TAKE, self.names | {"seconds": self.seconds})
                taken = cursor.fetchone() is not None
        except DatabaseError as error:
            # Until its end the turn lasts; after it another process may have it.
            log.warning("the database could not be asked whose turn it is: %s", error)
            connection.close()
            return self.is_held
        self._until = now + self.seconds if taken else 0.0
        self._ask_at = now + self.seconds / 3 if taken else 0.0
        return taken

    def give_back(self) -> None:
        self._until = self._ask_at = 0.0
        try:
            with connection.cursor() as cursor:
                cursor.execute(_GIVE_BACK, self.names)
        except DatabaseError:
            connection.close()  # it ends by itself
