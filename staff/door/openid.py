"""Sign-in by the staff's identity provider (staff.door.provider): there and back."""

import logging
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from database.clock import known_now
from outside.dependencies import PAGES
from outside.openid import Declined, ProviderProblem, Wait
from staff.door.frame import (
    begin_sign_in,
    complete_sign_in,
    continue_sign_in,
    decrypted,
    encrypted,
    remember_next,
)
from staff.door.provider import (
    SIGNED_IN_BY,
    TO_LINK,
    AccountUnknown,
    StaffProvider,
    account_of,
    configured,
)
from staff.door.steps import PROVIDER_PROVED, next_step
from staff.models import User
from web.public import public_url

log = logging.getLogger(__name__)

FLOW = "openid_flow"
FLOW_SECONDS = 10 * 60
EXCHANGE_SECONDS = 5  # that a page waits for the provider


@never_cache
@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    """Redirect to the provider."""
    provider = configured()
    if provider is None:
        return _back(request, "")
    following = request.POST.get("next", "")
    try:
        address, state = provider.begin(redirect_uri=_redirect_uri())
    except ProviderProblem as problem:
        log.warning("identity provider of staff: %s", problem)
        return _back(request, _failed(provider))
    flow = {**state, "next": following, "at": int(known_now().timestamp())}
    request.session[FLOW] = encrypted(flow)
    return HttpResponseRedirect(address)


@never_cache
@require_GET
def come_back(request: HttpRequest) -> HttpResponse:
    """Exchange the returned code for the account, and sign in or say why not."""
    provider, stored = configured(), request.session.pop(FLOW, "")
    flow = decrypted(stored) if stored else {}
    if provider is None or not flow or known_now().timestamp() > flow["at"] + FLOW_SECONDS:
        return _back(request, _("The sign-in took too long, or was begun elsewhere. Start again."))
    try:
        claims = provider.verified_claims(
            request.GET.dict(),
            state=flow,
            redirect_uri=_redirect_uri(),
            wait=Wait(EXCHANGE_SECONDS, most=PAGES),
            wanted=["email", "email_verified"],
        )
        user, is_linked = account_of(provider, claims)
    except Declined:
        return _back(request, _("The sign-in was broken off. Start again."))
    except ProviderProblem as problem:
        log.warning("identity provider of staff: %s", problem)
        return _back(request, _failed(provider))
    except AccountUnknown as refusal:
        return _back(request, str(refusal))
    return _enter(request, provider, claims, user, is_linked=is_linked, following=flow["next"])


def _enter(
    request: HttpRequest,
    provider: StaffProvider,
    claims: dict[str, Any],
    user: User,
    *,
    is_linked: bool,
    following: str,
) -> HttpResponse:
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    begin_sign_in(request)
    request.session[SIGNED_IN_BY] = True
    if not is_linked:
        request.session[TO_LINK] = str(claims["sub"])
    elif claims.get("acr") in provider.second_factor_acr:
        request.session[PROVIDER_PROVED] = True
    remember_next(request, following)
    if next_step(request) is None:
        return complete_sign_in(request)
    return continue_sign_in(request)


def _redirect_uri() -> str:
    return public_url("admin:openid_return")


def _back(request: HttpRequest, problem: str) -> HttpResponse:
    if problem:
        messages.error(request, problem)
    return HttpResponseRedirect(reverse("admin:login"))


def _failed(provider: StaffProvider) -> str:
    return _("%(name)s could not sign you in. Log in with your password.") % {"name": provider.name}
