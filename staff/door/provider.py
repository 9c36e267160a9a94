"""Sign-in of staff by an OpenID Connect provider of the settings.

`JARI_STAFF_PROVIDER` is a JSON object of {name_ko, name_en, issuer, client_id, client_secret, and
where they differ: hosts, acr, max_age, second_factor_acr}. No account is made and no role given:
the provider's account belongs to one here by its subject, or at first by its verified e-mail
address, if exactly one account has that. An e-mail address may be typed by others, so the first
time the portal's own second factor is needed, which the account must have already. Afterwards the
provider's word replaces it only if its answer names a context class of `second_factor_acr`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from outside.dependencies import PAGES
from outside.openid import DOCUMENT_SECONDS, Client, ProviderProblem, Wait
from staff import notices
from staff.actors import actor_of
from staff.door.steps import PROVIDER_PROVED, has_second_factor
from staff.enums import NoticeKind
from staff.models import OpenIdAccount, User
from staff.sessions import end_sessions
from web.language import reads_korean
from web.public import public_url

TO_LINK, SIGNED_IN_BY = "openid_to_link", "openid"


class AccountUnknown(Exception):
    """No account here belongs to the provider's; the message is for who tries to sign in."""


@dataclass(frozen=True, kw_only=True)
class StaffProvider(Client):
    """The provider of the settings."""

    name_ko: str
    name_en: str
    code: str = "staff"
    scope: str = "openid email"
    second_factor_acr: Collection[str] = ()

    @property
    def name(self) -> str:
        return self.name_ko if reads_korean() else self.name_en


def configured() -> StaffProvider | None:
    """The provider of the settings; raises ImproperlyConfigured."""
    if not settings.STAFF_PROVIDER:
        return None
    return StaffProvider.of_setting("JARI_STAFF_PROVIDER", settings.STAFF_PROVIDER)


def name_of_provider() -> str:
    """For the log-in page's button; "" without a provider."""
    provider = configured()
    return provider.name if provider else ""


def account_of(provider: StaffProvider, claims: dict[str, Any]) -> tuple[User, bool]:
    """The account for the claims, and whether it was linked before; raises AccountUnknown."""
    linked = (
        OpenIdAccount.objects.filter(issuer=provider.issuer, subject=str(claims["sub"]))
        .select_related("user")
        .first()
    )
    if linked:
        return _active(linked.user), True
    email = str(claims.get("email") or "").strip()
    # A text "false" would be true.
    if not email or claims.get("email_verified") is not True:
        raise AccountUnknown(_unknown())
    users = list(User.objects.filter(email__iexact=email)[:2])
    if len(users) != 1:
        raise AccountUnknown(_unknown())
    user = _active(users[0])
    # An account with another subject has changed hands there; one without a second factor has
    # not been entered yet, and would be given away with the e-mail address.
    if OpenIdAccount.objects.filter(issuer=provider.issuer, user=user).exists():
        raise AccountUnknown(_unknown())
    if not has_second_factor(user):
        raise AccountUnknown(
            _("Log in with your password once, and set up a second factor. Then this works too.")
        )
    return user, False


def _active(user: User) -> User:
    if not (user.is_active and user.is_staff):
        raise AccountUnknown(_unknown())
    return user


def _unknown() -> str:
    return _("No account here belongs to that sign-in. Ask the operator.")


def link_account(request: HttpRequest, user: User) -> None:
    """After the whole sign-in: the provider's account of this session is the user's from now."""
    subject, provider = request.session.pop(TO_LINK, ""), configured()
    if not subject or provider is None:
        return
    try:
        with transaction.atomic():
            OpenIdAccount.objects.create(user=user, issuer=provider.issuer, subject=subject)
    except IntegrityError:
        return  # linked meanwhile, by another browser of the same person
    notices.notify(user, NoticeKind.OPENID, by=actor_of(user), name=provider.name_ko)


@transaction.atomic
def unlink_account(request: HttpRequest, user: User, pk: int) -> None:
    """End a link of the user's; nothing happens if it is gone already.

    Sessions elsewhere end, and in this one the provider's word stands for no second factor.
    """
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    account = OpenIdAccount.objects.filter(user=user, pk=pk).first()
    if account is None:
        return
    account.delete()
    end_sessions(user, other_than=request.session.session_key)
    request.session.pop(PROVIDER_PROVED, None)
    name = name_of_issuer(account.issuer, korean=True)
    notices.notify(user, NoticeKind.OPENID_REMOVED, by=actor_of(user), name=name)


def name_of_issuer(issuer: str, *, korean: bool = False) -> str:
    """The provider's name in the language of the page; the issuer where the settings name none."""
    provider = configured()
    if provider is None or provider.issuer != issuer:
        return issuer
    return provider.name_ko if korean else provider.name


def end_address(request: HttpRequest) -> str:
    """Where a session of the provider's ends too (RP-Initiated Logout 1.0); "" for none."""
    provider = configured()
    if provider is None or not request.session.get(SIGNED_IN_BY):
        return ""
    try:
        endpoints = provider.endpoints(Wait(DOCUMENT_SECONDS, most=PAGES))
    except ProviderProblem:
        return ""
    address = endpoints.get("end_session_endpoint", "")
    back = public_url("admin:login")
    query = urlencode({"client_id": provider.client_id, "post_logout_redirect_uri": back})
    return f"{address}{'&' if '?' in address else '?'}{query}" if address else ""
