"""Steps between a right password and the first page, and the end of sessions."""

from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest

from database.clock import known_now
from staff.models import Authenticator, User
from staff.services import staff_of
from staff.sessions import BEGAN, SEEN

MUST_CHANGE = "password_must_change"
CODES_SHOWN = "recovery_codes"
# Names of addresses that need no finished sign-in.
ALWAYS_OPEN = {"invitation", "login", "logout", "jsi18n"}
# Lifetime of a session between password and second factor.
HALF_WAY = timedelta(minutes=10)
# Seconds between two updates of a session's last use: each is a write.
RECORD_EVERY = 60


def is_verified(user: User) -> bool:
    """Whether this session passed the second factor. Right after the password the user has no
    `otp_device` attribute yet."""
    return getattr(user, "otp_device", None) is not None


def has_second_factor(user: User) -> bool:
    confirmed: bool = Authenticator.objects.filter(user=user, confirmed=True).exists()
    return confirmed


def next_step(request: HttpRequest) -> str | None:
    """Name of the page that the user must pass next; None if signed in completely.

    In the sample campaign, whose log-ins are printed, a second factor is optional.
    """
    user, session = staff_of(request), request.session
    if not is_verified(user):
        if has_second_factor(user):
            return "second_factor"
        if not settings.SAMPLE:
            return "password_change" if session.get(MUST_CHANGE) else "second_factor_setup"
    if session.get(MUST_CHANGE):
        return "password_change"
    return "recovery_codes" if session.get(CODES_SHOWN) else None


def has_expired(request: HttpRequest) -> bool:
    """Whether the session is too old, or was not used for STAFF_IDLE_MINUTES."""
    now = known_now().timestamp()
    began_at, seen_at = request.session.get(BEGAN, now), request.session.get(SEEN, now)
    is_complete = is_verified(staff_of(request)) or settings.SAMPLE
    most = settings.SESSION_COOKIE_AGE if is_complete else HALF_WAY.total_seconds()
    return bool(now - began_at > most or now - seen_at > settings.STAFF_IDLE_MINUTES * 60)


def record_use(request: HttpRequest) -> None:
    """Update the session's last use, except for pages that refresh by themselves (`?live`)."""
    now = int(known_now().timestamp())
    if now - request.session.get(SEEN, 0) > RECORD_EVERY and "live" not in request.GET:
        request.session[SEEN] = now
