"""Accounts: who gives which role to whom. Nobody changes their own, and two give what shows people.

Whoever makes an account, or holds the link that opens it, could sign in as its owner. So an
account that first gets rights over people starts anew: its password, second factor and sessions
end, and only those who decide on roles make its next link.
"""

from typing import Any

from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _

from database.clock import database_now
from staff.door.links import tokens
from staff.door.services import note_link, remove_second_factor
from staff.enums import AT_A_CLINIC, RequestStatus, Role
from staff.models import RoleRequest, User
from staff.roles import sees_people


class NotYours(Exception):
    """This act on this account is not this user's; the message says whose it is."""


def may_act(actor: User, account: User, act: str) -> bool:
    """Whether `actor` may `link`, `unlock` or `reset` this account."""
    if actor.pk == account.pk or not actor.has_perm(f"staff.{act}_user"):
        return False
    if account.is_superuser:
        return actor.is_superuser
    opens = act in ("link", "reset")
    return not (opens and sees_people(account.role)) or decides(actor)


def decides(user: User) -> bool:
    return user.has_perm("staff.decide_rolerequest")


@transaction.atomic
def ask_for_role(*, user: User, role: str, reason: str, by: User, **place: Any) -> RoleRequest:
    """Ask for a role, with its `clinic`, or `region` and `district`; NotYours for one's own.

    Without rights over people it is in force at once; else another person decides.
    """
    user = User.objects.select_for_update(of=("self",), no_key=True).get(pk=user.pk)
    if user.pk == by.pk:
        raise NotYours(_("Nobody changes their own role. Ask somebody else to propose it."))
    if user.is_superuser:
        raise NotYours(_("A superuser has every right already."))
    place = place_of(role, **place)
    try:
        with transaction.atomic():
            asked = RoleRequest.objects.create(
                user=user, role=role, reason=reason, asked_by=by, **place
            )
    except IntegrityError as error:
        raise NotYours(_("A request for this account is open already.")) from error
    if not sees_people(role):
        _apply(asked)
    return asked


def place_of(
    role: str, *, clinic: Any = None, region: str = "", district: str = ""
) -> dict[str, Any]:
    """Only the place that the role works at."""
    if role in AT_A_CLINIC:
        return {"clinic": clinic, "region": "", "district": ""}
    if role == Role.LOCAL:
        return {"clinic": None, "region": region, "district": district}
    return {"clinic": None, "region": "", "district": ""}


@transaction.atomic
def decide_on(*, asked: RoleRequest, granted: bool, by: User) -> RoleRequest:
    """Grant or refuse a role that another asked for; what was decided once stays."""
    asked = RoleRequest.objects.select_for_update(of=("self",), no_key=True).get(pk=asked.pk)
    if not may_decide(by, asked):
        raise NotYours(
            _("A role is granted by another person of the health authority than who asked for it.")
        )
    if asked.status != RequestStatus.OPEN:
        return asked
    asked.decided_by = by
    if granted:
        _apply(asked)
    else:
        _close(asked, RequestStatus.REFUSED)
    return asked


def may_decide(user: User, asked: RoleRequest) -> bool:
    return decides(user) and user.pk not in (asked.user_id, asked.asked_by_id)


def _apply(asked: RoleRequest) -> None:
    user = User.objects.select_for_update(of=("self",), no_key=True).get(pk=asked.user_id)
    begins_to_see = sees_people(asked.role) and not sees_people(user.role)
    user.role, user.clinic_id = asked.role, asked.clinic_id
    user.region, user.district = asked.region, asked.district
    if begins_to_see:
        user.set_unusable_password()
    user.save()
    if begins_to_see:
        remove_second_factor(user=user)
    _close(asked, RequestStatus.GRANTED)


def _close(asked: RoleRequest, status: RequestStatus) -> None:
    asked.status, asked.decided_at = status, database_now()
    asked.save()


def link_for(user: User) -> str:
    """The address at which this user sets a password: good once, for PASSWORD_RESET_TIMEOUT."""
    note_link(user=user)
    number = urlsafe_base64_encode(force_bytes(user.pk))
    return reverse("admin:invitation", args=[number, tokens.make_token(user)])
