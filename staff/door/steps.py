"""Steps between a right password and the first page, and the end of sessions."""

from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest

from database.clock import known_now
from staff.models import Authenticator, Passkey, User
from staff.services import staff_of
from staff.sessions import BEGAN, SEEN

MUST_CHANGE = "password_must_change"
CODES_SHOWN = "recovery_codes"
UNREAD = "unread_notices"
PROVED = "proved_at"
# Set if the identity provider's word replaces the second factor in this session.
PROVIDER_PROVED = "provider_proved"
# Names of addresses that need no finished sign-in.
ALWAYS_OPEN = {
    *("invitation", "login", "logout", "jsi18n", "passkey_sign_in"),
    *("openid", "openid_return"),
}
# Further names of a step.
ALSO_OF = {"second_factor_setup": {"passkey_add"}}
# Lifetime of a session between password and second factor.
HALF_WAY = timedelta(minutes=10)
# For so long after signing in, or showing it again, how one signs in may be changed.
LATELY = timedelta(minutes=10)
# Seconds between two updates of a session's last use: each is a write.
RECORD_EVERY = 60


def is_verified(user: User) -> bool:
    """Whether this session passed the second factor. Right after the password the user has no
    `otp_device` attribute yet."""
    return getattr(user, "otp_device", None) is not None


def has_shown_factor(request: HttpRequest) -> bool:
    """Whether this session has a second factor behind it, here or by the provider's word."""
    return is_verified(staff_of(request)) or bool(request.session.get(PROVIDER_PROVED))


def has_second_factor(user: User) -> bool:
    apps = Authenticator.objects.filter(user=user, confirmed=True).order_by().values_list("user_id")
    passkeys = Passkey.objects.filter(user=user, confirmed=True).order_by().values_list("user_id")
    either: bool = apps.union(passkeys).exists()
    return either


def record_proof(request: HttpRequest) -> None:
    """Note that the user has just shown who they are, by password and second factor or passkey."""
    request.session[PROVED] = int(known_now().timestamp())


def has_proved_lately(request: HttpRequest) -> bool:
    """Whether that was within the last minutes: an open browser is not enough to change how an
    account is signed in to."""
    return bool(known_now().timestamp() - request.session.get(PROVED, 0) < LATELY.total_seconds())


def next_step(request: HttpRequest) -> str | None:
    """Name of the page that the user must pass next; None if signed in completely.

    In the sample campaign, whose log-ins are printed, a second factor is optional.
    """
    user, session = staff_of(request), request.session
    if not has_shown_factor(request):
        if has_second_factor(user):
            return "second_factor"
        if not settings.SAMPLE:
            return "password_change" if session.get(MUST_CHANGE) else "second_factor_setup"
    if session.get(MUST_CHANGE):
        return "password_change"
    if session.get(CODES_SHOWN):
        return "recovery_codes"
    return "notices" if session.get(UNREAD) else None


def has_expired(request: HttpRequest) -> bool:
    """Whether the session is too old, or was not used for STAFF_IDLE_MINUTES."""
    now = known_now().timestamp()
    began_at, seen_at = request.session.get(BEGAN, now), request.session.get(SEEN, now)
    is_complete = has_shown_factor(request) or settings.SAMPLE
    most = settings.SESSION_COOKIE_AGE if is_complete else HALF_WAY.total_seconds()
    return bool(now - began_at > most or now - seen_at > settings.STAFF_IDLE_MINUTES * 60)


def record_use(request: HttpRequest) -> None:
    """Update the session's last use, except for pages that refresh by themselves (`?live`)."""
    now = int(known_now().timestamp())
    if now - request.session.get(SEEN, 0) > RECORD_EVERY and "live" not in request.GET:
        request.session[SEEN] = now
