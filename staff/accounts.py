"""Roles and links of staff accounts. Nobody changes their own role, and a role that shows people's
data needs two users: one requests it, another grants it.

The user who created an account, or who has its link, could sign in as its owner. So an account that
gets its first right over people's data loses password, second factor and sessions, and only users
who decide on roles may make its next link.
"""

from typing import Any

from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _

from database.clock import database_now
from staff.actors import actor_of
from staff.door.links import tokens
from staff.door.services import record_link, remove_second_factor
from staff.enums import AT_A_CLINIC, NoticeKind, RequestStatus, Role
from staff.models import RoleRequest, User
from staff.notices import notify
from staff.roles import sees_people


class AccountRefused(Exception):
    """This user may not do this to this account; the message says who may."""


def may_act(actor: User, account: User, act: str) -> bool:
    """Whether `actor` may `link`, `unlock` or `reset` this account."""
    if actor.pk == account.pk or not actor.has_perm(f"staff.{act}_user"):
        return False
    if account.is_superuser:
        return actor.is_superuser
    # Both let their maker sign in as the owner, or take over at the next log-in.
    gives_access = act in ("link", "reset")
    return not (gives_access and sees_people(account.role)) or decides_on_roles(actor)


def decides_on_roles(user: User) -> bool:
    return user.has_perm("staff.decide_rolerequest")


@transaction.atomic
def request_role(*, user: User, role: str, reason: str, by: User, **workplace: Any) -> RoleRequest:
    """Request a role, with its `clinic`, or `region` and `district`.

    A role without rights over people's data is granted at once, any other by a second user. Raises
    AccountRefused for oneself, a superuser, and while a request is open.
    """
    user = User.objects.select_for_update(of=("self",), no_key=True).get(pk=user.pk)
    if user.pk == by.pk:
        raise AccountRefused(_("Nobody changes their own role. Ask somebody else to propose it."))
    if user.is_superuser:
        raise AccountRefused(_("A superuser has every right already."))
    workplace = workplace_of(role, **workplace)
    try:
        # A savepoint: the index one_open_role_request may refuse the row.
        with transaction.atomic():
            request = RoleRequest.objects.create(
                user=user, role=role, reason=reason, asked_by=by, **workplace
            )
    except IntegrityError as error:
        raise AccountRefused(_("A request for this account is open already.")) from error
    if not sees_people(role):
        _apply(request)
    return request


def workplace_of(
    role: str, *, clinic: Any = None, region: str = "", district: str = ""
) -> dict[str, Any]:
    """The workplace columns of a user with this role; those that it does not use are empty."""
    if role in AT_A_CLINIC:
        return {"clinic": clinic, "region": "", "district": ""}
    if role == Role.LOCAL:
        return {"clinic": None, "region": region, "district": district}
    return {"clinic": None, "region": "", "district": ""}


@transaction.atomic
def decide_on(*, request: RoleRequest, granted: bool, by: User) -> RoleRequest:
    """Grant or refuse a requested role; a request that is closed already is returned as it is.

    Raises AccountRefused if `by` made the request, would get the role, or may not decide.
    """
    request = RoleRequest.objects.select_for_update(of=("self",), no_key=True).get(pk=request.pk)
    if not may_decide(by, request):
        raise AccountRefused(
            _("A role is granted by another person of the health authority than who asked for it.")
        )
    if request.status != RequestStatus.OPEN:
        return request
    request.decided_by = by
    if granted:
        _apply(request)
    else:
        _close(request, RequestStatus.REFUSED)
    return request


def may_decide(user: User, request: RoleRequest) -> bool:
    return decides_on_roles(user) and user.pk not in (request.user_id, request.asked_by_id)


def _apply(request: RoleRequest) -> None:
    user = User.objects.select_for_update(of=("self",), no_key=True).get(pk=request.user_id)
    # The user who created the account may know its password or have set up its second factor.
    first_sees_people = sees_people(request.role) and not sees_people(user.role)
    user.role, user.clinic_id = request.role, request.clinic_id
    user.region, user.district = request.region, request.district
    if first_sees_people:
        user.set_unusable_password()
    user.save()
    by = actor_of(request.decided_by or request.asked_by)
    if first_sees_people:
        remove_second_factor(user=user, by=by)
    notify(user, NoticeKind.ROLE, by=by, role=request.role)
    _close(request, RequestStatus.GRANTED)


def _close(request: RoleRequest, status: RequestStatus) -> None:
    request.status, request.decided_at = status, database_now()
    request.save()


def link_for(user: User, *, by: str) -> str:
    """An address at which the user sets a password; works once, for PASSWORD_RESET_TIMEOUT."""
    record_link(user=user, by=by)
    number = urlsafe_base64_encode(force_bytes(user.pk))
    return reverse("admin:invitation", args=[number, tokens.make_token(user)])
