"""What changes how somebody signs in; each act ends what rested on the state before it."""

from typing import cast

from django.db import transaction

from database.clock import database_now
from staff.models import Authenticator, LogInFailure, RecoveryCodes, User
from staff.sessions import end_sessions


@transaction.atomic
def enrol(*, user: User, key: str, step: int) -> tuple[Authenticator, list[str]]:
    """One authenticator instead of any before it, with new recovery codes."""
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    Authenticator.objects.filter(user=user).delete()
    device = Authenticator.objects.create(user=user, name="totp", key=key, last_step=step)
    return device, renew_codes(user=user)


@transaction.atomic
def renew_codes(*, user: User) -> list[str]:
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    RecoveryCodes.objects.filter(user=user).delete()
    return RecoveryCodes(user=user, name="codes").renew()


@transaction.atomic
def verify_code(*, user: User, code: str) -> Authenticator | RecoveryCodes | None:
    """The authenticator or the recovery codes that this code is of; a code is good once."""
    for model in (Authenticator, RecoveryCodes):
        for device in model.objects.select_for_update().filter(user=user, confirmed=True):
            if device.verify_token(code):
                return cast("Authenticator | RecoveryCodes", device)
    return None


@transaction.atomic
def remove_second_factor(*, user: User) -> None:
    """For somebody who lost it: the next log-in sets up a new one."""
    Authenticator.objects.filter(user=user).delete()
    RecoveryCodes.objects.filter(user=user).delete()
    user.second_factor_removed_at = database_now()
    user.save(update_fields=["second_factor_removed_at"])
    end_sessions(user)


def unlock(*, user: User) -> None:
    """Wrong tries until now no longer count against this account."""
    user.unlocked_at = database_now()
    user.save(update_fields=["unlocked_at"])


def note_link(*, user: User) -> None:
    user.link_made_at = database_now()
    user.save(update_fields=["link_made_at"])


@transaction.atomic
def password_was_set(*, user: User, session_key: str | None = None) -> None:
    """A new password ends every session but the one it was set in, and forgives wrong tries."""
    end_sessions(user, other_than=session_key)
    LogInFailure.objects.filter(user=user).delete()
