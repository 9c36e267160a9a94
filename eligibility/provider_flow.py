"""Sign-in by an identity provider: redirect, return, waiting page, and the form after a failure.

The state of a flow, with the typed text, is an encrypted cookie of 15 minutes.
"""

import base64
import json
import logging
import time
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from database.clock import known_now
from dataio.districts import District
from eligibility.exceptions import DistrictUnclear
from eligibility.models import Person
from eligibility.providers import Identity, configured
from eligibility.services import exchanges, providing
from eligibility.services.exchanges import Outcome
from eligibility.sessions import end_session_before, log_sign_in, sign_in, signed_in
from eligibility.spelling import shown_phone
from outside.openid import ProviderProblem
from privacy.cipher import UnreadableData, decrypt, encrypt
from web import cookies
from web.public import public_url

log = logging.getLogger(__name__)

COOKIE = cookies.named("jari_provider")
_CONTEXT = b"cookie.provider"
_AGE = 15 * 60  # seconds
LOOK_AGAIN = 2  # seconds between two requests of the waiting page
_STORING = 3  # seconds that storing an answer may take
_TYPED = ["name", "birth_date", "phone"]


def leave(request: HttpRequest, code: str, following: str) -> HttpResponse:
    """Redirect to the provider; back to the filled-in form if it can't be reached."""
    typed = {name: request.POST.get(name, "")[:200] for name in _TYPED}
    start = time.monotonic()
    try:
        address, state = configured()[code].begin(redirect_uri=_redirect_uri(code))
    except ProviderProblem as problem:
        log.warning("identity provider: %s", problem)
        return _failed(code, typed, time.monotonic() - start)
    response = redirect(address)
    _set_cookie(response, {"provider": code, "next": following, "typed": typed, "state": state})
    return response


def come_back(request: HttpRequest, code: str) -> HttpResponse:
    """Exchange the returned code for the identity; a slow provider leads to the waiting page."""
    flow = _read_cookie(request)
    if flow.get("provider") != code:
        return redirect("identity")
    if "answer" in flow:  # a reload while the exchange runs
        return redirect("identity_wait", code=code)
    if not flow.get("state"):
        return redirect("identity")
    outcome = exchanges.begin(
        provider=configured()[code],
        answer=request.GET.dict(),
        state=flow["state"],
        redirect_uri=_redirect_uri(code),
    )
    if isinstance(outcome, Outcome):
        return _arrive(request, flow, outcome)
    response = redirect("identity_wait", code=code)
    until = known_now().timestamp() + settings.PROVIDER_SECONDS + _STORING
    waiting = {name: flow[name] for name in ("provider", "next", "typed")}
    _set_cookie(response, {**waiting, "answer": str(outcome), "until": until})
    return response


def wait(request: HttpRequest, code: str) -> HttpResponse:
    """The page that refreshes itself until the provider has answered or its time is over."""
    flow = _read_cookie(request)
    if flow.get("provider") != code or "answer" not in flow:
        return redirect("eligibility" if signed_in(request) else "identity")
    try:
        outcome = exchanges.take(UUID(flow["answer"]))
    except exchanges.Gone:
        return redirect("eligibility" if signed_in(request) else "identity")
    if outcome is None and known_now().timestamp() > flow["until"]:
        outcome = Outcome(seconds=settings.PROVIDER_SECONDS)
    if outcome is not None:
        return _arrive(request, flow, outcome)
    until = datetime.fromtimestamp(flow["until"], tz=UTC)
    context = {"name": configured()[code].name, "until": until, "seconds": LOOK_AGAIN}
    response = render(request, "eligibility/identity_wait.html", context)
    response.headers["Refresh"] = str(LOOK_AGAIN)
    return response


def _arrive(request: HttpRequest, flow: dict[str, Any], outcome: Outcome) -> HttpResponse:
    """Sign in, ask for the district, or show the form with typed text and claims."""
    code, typed, identity = flow["provider"], flow["typed"], outcome.identity
    if outcome.declined:
        return _to_form(typed)
    if identity is None:
        return _failed(code, typed, outcome.seconds)
    providing.record_try(provider=code, worked=True, seconds=outcome.seconds)
    provider = configured()[code]
    if not (provider.certified and identity.is_complete):
        return _to_form({**typed, **_form_values(identity)})
    try:
        person = providing.vouched_for(provider=provider, identity=identity)
    except DistrictUnclear:
        response = redirect("identity_district")
        assert identity.birth_date  # it is complete
        vouched = {**asdict(identity), "birth_date": identity.birth_date.isoformat()}
        _set_cookie(response, {"provider": code, "next": flow["next"], "vouched": vouched})
        return response
    return _welcome(request, person, flow)


def _welcome(request: HttpRequest, person: Person, flow: dict[str, Any]) -> HttpResponse:
    response = redirect(flow["next"] or "eligibility")
    end_session_before(request)
    sign_in(response, person_id=person.pk)
    log_sign_in(request, person, f"provider {flow['provider']}")
    forget(response)
    return response


def forget(response: HttpResponse) -> None:
    response.delete_cookie(COOKIE, samesite="Lax")


def phone_vouched_for(request: HttpRequest) -> str:
    """The phone that a provider has just vouched for, where only the district is missing."""
    phone: str = _read_cookie(request).get("vouched", {}).get("phone", "")
    return phone


def with_district(request: HttpRequest, home: District | None) -> HttpResponse:
    """Sign in by the provider's claims and the district; DistrictUnclear if still ambiguous."""
    flow = _read_cookie(request)
    provider = configured().get(flow["provider"])
    if provider is None:
        return redirect("identity")
    claims = {**flow["vouched"], "birth_date": date.fromisoformat(flow["vouched"]["birth_date"])}
    person = providing.vouched_for(
        provider=provider, identity=Identity(**claims), home=home, home_chosen=True
    )
    return _welcome(request, person, flow)


def typed_before(request: HttpRequest) -> dict[str, str]:
    """The text of the form's fields when the browser left for a provider."""
    fields: dict[str, str] = _read_cookie(request).get("typed", {})
    return fields


def problem(request: HttpRequest) -> str:
    """The name of the provider whose sign-in has just failed; empty if none has."""
    provider = configured().get(_read_cookie(request).get("problem", ""))
    return provider.name if provider else ""


def _redirect_uri(code: str) -> str:
    return public_url("identity_provider", code)


def _form_values(identity: Identity) -> dict[str, str]:
    """The known claims as text for the form."""
    return {
        name: text
        for name, text in [
            ("name", identity.name or ""),
            ("birth_date", identity.birth_date.isoformat() if identity.birth_date else ""),
            ("phone", shown_phone(identity.phone) if identity.phone else ""),
        ]
        if text
    }


def _failed(code: str, typed: dict[str, Any], seconds: float) -> HttpResponse:
    providing.record_try(provider=code, worked=False, seconds=seconds)
    return _to_form(typed, problem=code)


def _to_form(typed: dict[str, Any], *, problem: str = "") -> HttpResponse:
    response = redirect("identity")
    _set_cookie(response, {"typed": typed, "problem": problem})
    return response


def _set_cookie(response: HttpResponse, flow: dict[str, Any]) -> None:
    # Encrypted: it holds name and phone, which neither addresses nor the database may have here.
    sealed = encrypt(json.dumps([int(known_now().timestamp()), flow]), context=_CONTEXT)
    response.set_cookie(
        COOKIE,
        base64.urlsafe_b64encode(sealed).decode(),
        max_age=_AGE,
        httponly=True,
        samesite="Lax",
        secure=settings.CSRF_COOKIE_SECURE,
    )


def _read_cookie(request: HttpRequest) -> dict[str, Any]:
    """The state of the flow; empty if there is none or it is too old."""
    try:
        sealed = base64.urlsafe_b64decode(request.COOKIES.get(COOKIE, ""))
        since, flow = json.loads(decrypt(sealed, context=_CONTEXT))
    except (UnreadableData, ValueError):
        return {}
    # The server's own check: a browser may send a cookie after its max_age.
    return flow if since + _AGE > known_now().timestamp() else {}
