"""Changes of a user's password state and second factor; each ends sessions that relied on it."""

from typing import cast

from django.db import transaction

from database.clock import database_now
from staff.actors import actor_of
from staff.enums import NoticeKind
from staff.models import Authenticator, LogInFailure, OpenIdAccount, Passkey, RecoveryCodes, User
from staff.notices import notify
from staff.sessions import end_sessions


@transaction.atomic
def enrol(*, user: User, key: str, step: int) -> tuple[Authenticator, list[str]]:
    """Replace the user's authenticator; returns it with new recovery codes.

    `step` is the time step of the code that proved the key, which can't be used again.
    """
    # Serializes two set-ups, so that one authenticator and one set of codes remain.
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    Authenticator.objects.filter(user=user).delete()
    device = Authenticator.objects.create(user=user, name="totp", key=key, last_step=step)
    notify(user, NoticeKind.AUTHENTICATOR, by=actor_of(user))
    return device, _replace_codes(user)


@transaction.atomic
def renew_codes(*, user: User) -> list[str]:
    """Replace the user's recovery codes and return the new ones."""
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    notify(user, NoticeKind.CODES, by=actor_of(user))
    return _replace_codes(user)


def _replace_codes(user: User) -> list[str]:
    RecoveryCodes.objects.filter(user=user).delete()
    return RecoveryCodes(user=user, name="codes").renew()


class LastFactor(Exception):
    """This passkey is the only second factor of its owner."""


@transaction.atomic
def remove_passkey(*, user: User, pk: int, must_keep_one: bool) -> None:
    """Remove a passkey of the user; sessions that it opened ask for another factor.

    LastFactor if one must be kept and there is no other; nothing happens if it is gone already.
    """
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    key = Passkey.objects.filter(user=user, pk=pk).first()
    if key is None:
        return
    others = Passkey.objects.filter(user=user).exclude(pk=pk)
    if must_keep_one and not others and not Authenticator.objects.filter(user=user):
        raise LastFactor
    key.delete()
    notify(user, NoticeKind.PASSKEY_REMOVED, by=actor_of(user), name=key.name)


@transaction.atomic
def verify_code(
    *, user: User, code: str, takes_app_codes: bool = True
) -> Authenticator | RecoveryCodes | None:
    """The device that accepts `code`, or None. A code works once, so the rows are locked."""
    for model in (Authenticator, RecoveryCodes) if takes_app_codes else (RecoveryCodes,):
        for device in model.objects.select_for_update().filter(user=user, confirmed=True):
            if device.verify_token(code):
                return cast("Authenticator | RecoveryCodes", device)
    return None


@transaction.atomic
def remove_second_factor(*, user: User, by: str) -> None:
    """Remove a lost second factor and end the sessions; the next log-in sets up a new one."""
    # The identity provider's account too: an intruder must not come back by it alone.
    for model in (Authenticator, RecoveryCodes, Passkey, OpenIdAccount):
        model.objects.filter(user=user).delete()
    user.second_factor_removed_at = database_now()
    user.save(update_fields=["second_factor_removed_at"])
    end_sessions(user)
    notify(user, NoticeKind.FACTOR_REMOVED, by=by)


def unlock(*, user: User) -> None:
    """Stop counting the account's wrong tries until now."""
    user.unlocked_at = database_now()
    user.save(update_fields=["unlocked_at"])


@transaction.atomic
def record_link(*, user: User, by: str) -> None:
    """Note that a link was made; pghistory records who made it."""
    user.link_made_at = database_now()
    user.save(update_fields=["link_made_at"])
    notify(user, NoticeKind.LINK, by=by)


@transaction.atomic
def after_password_change(*, user: User, session_key: str | None = None) -> None:
    """End the user's other sessions than `session_key`, delete wrong tries, and tell the user."""
    end_sessions(user, other_than=session_key)
    LogInFailure.objects.filter(user=user).delete()
    notify(user, NoticeKind.PASSWORD, by=actor_of(user))
