"""What stands between a password that was right and the first page."""

from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest

from database.clock import known_now
from staff.models import Authenticator, User
from staff.services import staff_of
from staff.sessions import BEGAN, SEEN

MUST_CHANGE = "password_must_change"
CODES_SHOWN = "recovery_codes"
# Open to whoever is half way: the way out, and what belongs to no step.
OPEN = {"invitation", "login", "logout", "jsi18n"}
# A password alone opens nothing, and is not kept waiting for its second factor for long.
HALF_WAY = timedelta(minutes=10)
# Noting each request would write a row for each.
NOTED_EVERY = 60  # seconds


def is_verified(user: User) -> bool:
    """Whether this session passed the second factor; right after the password it has none."""
    return getattr(user, "otp_device", None) is not None


def has_second_factor(user: User) -> bool:
    confirmed: bool = Authenticator.objects.filter(user=user, confirmed=True).exists()
    return confirmed


def next_step(request: HttpRequest) -> str | None:
    """The page that this user must pass before any other; None when signed in whole.

    In the sample campaign, whose log-ins are printed, a second factor is asked for only from
    those who set one up.
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


def is_over(request: HttpRequest) -> bool:
    """Whether the session ended: too long ago begun, or too long unused."""
    now = known_now().timestamp()
    began, seen = request.session.get(BEGAN, now), request.session.get(SEEN, now)
    whole = is_verified(staff_of(request)) or settings.SAMPLE
    most = settings.SESSION_COOKIE_AGE if whole else HALF_WAY.total_seconds()
    return bool(now - began > most or now - seen > settings.STAFF_IDLE_MINUTES * 60)


def note_use(request: HttpRequest) -> None:
    """A page that refreshes itself is not used by anybody."""
    now = int(known_now().timestamp())
    if now - request.session.get(SEEN, 0) > NOTED_EVERY and "live" not in request.GET:
        request.session[SEEN] = now
