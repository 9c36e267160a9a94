"""Sessions of staff (SESSION_ENGINE), in a table with their users."""

from datetime import UTC, datetime
from typing import Any, cast

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DBStore
from django.db.models import QuerySet
from django.http import HttpRequest

from database.clock import Now, known_now
from staff.models import Session, User
from staff.services import caller_address

BEGAN, SEEN, ADDRESS, AGENT = "began_at", "seen_at", "address", "agent"


class SessionStore(DBStore):
    """Django's database store, with expiry by the database's clock and data of the browser."""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def _get_session_from_db(self) -> Session | None:
        """Overrides Django's, which compares with this node's clock."""
        live = Session.objects.filter(expire_date__gt=Now())
        row = live.filter(session_key=self.session_key).first()
        if row is None:
            self._session_key = None
        return row

    def get_expiry_date(self, **values: Any) -> datetime:
        return super().get_expiry_date(**{"modification": known_now(), **values})

    @classmethod
    def clear_expired(cls) -> None:
        Session.objects.filter(expire_date__lt=Now()).delete()

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        row = cast("Session", super().create_model_instance(data))
        row.user_id = data.get(SESSION_KEY)
        row.began_at, row.seen_at = (_moment(data.get(name)) for name in (BEGAN, SEEN))
        row.address, row.agent = data.get(ADDRESS), data.get(AGENT, "")
        return row


def _moment(seconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, tz=UTC) if seconds else None


def begin(request: HttpRequest) -> None:
    """Store start time, address and browser in the session."""
    now = int(known_now().timestamp())
    # Shown on the account's page; control characters could forge lines in a log.
    agent = "".join(sign for sign in request.headers.get("User-Agent", "") if sign.isprintable())
    request.session[BEGAN] = request.session[SEEN] = now
    request.session[ADDRESS] = caller_address(request)
    request.session[AGENT] = agent[:200]


def sessions_of(user: User) -> QuerySet[Session]:
    return Session.objects.filter(user=user, expire_date__gt=Now()).order_by("-seen_at")


def end_sessions(user: User, *, other_than: str | None = None) -> int:
    """Delete the user's sessions, except the one with key `other_than`; returns how many."""
    rows = Session.objects.filter(user=user).exclude(session_key=other_than)
    return rows.delete()[0]
