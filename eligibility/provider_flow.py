"""The way to an identity provider and back: what was typed comes along, whatever happens."""

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
from django.urls import reverse

from database.clock import known_now
from dataio.districts import District
from eligibility.exceptions import DistrictUnclear
from eligibility.models import Person
from eligibility.providers import Identity, ProviderProblem, configured
from eligibility.services import exchanges, providing
from eligibility.services.exchanges import Outcome
from eligibility.sessions import sign_in, signed_in
from eligibility.spelling import shown_phone
from privacy.cipher import UnreadableData, decrypt, encrypt
from web import cookies

log = logging.getLogger(__name__)

COOKIE = cookies.named("jari_provider")
_CONTEXT = b"cookie.provider"
_AGE = 15 * 60
LOOK_AGAIN = 2  # seconds
_STORING = 3  # seconds that an answer may take to be stored
_TYPED = ["name", "birth_date", "phone"]


def leave(request: HttpRequest, code: str, following: str) -> HttpResponse:
    """Send the browser to the provider; if that can't be reached, back to what was typed."""
    typed = {name: request.POST.get(name, "")[:200] for name in _TYPED}
    start = time.monotonic()
    try:
        address, kept = configured()[code].begin(redirect_uri=_redirect_uri(code))
    except ProviderProblem as problem:
        log.warning("identity provider: %s", problem)
        return _failed(code, typed, time.monotonic() - start)
    response = redirect(address)
    _keep(response, {"provider": code, "next": following, "typed": typed, "kept": kept})
    return response


def come_back(request: HttpRequest, code: str) -> HttpResponse:
    """What the provider sent back is exchanged for who it is; a slow one is waited for."""
    known = _known(request)
    if known.get("provider") != code:
        return redirect("identity")
    if "answer" in known:  # the same address once more, while the answer is under way
        return redirect("identity_wait", code=code)
    if not known.get("kept"):
        return redirect("identity")
    outcome = exchanges.begin(
        provider=configured()[code],
        answer=request.GET.dict(),
        kept=known["kept"],
        redirect_uri=_redirect_uri(code),
    )
    if isinstance(outcome, Outcome):
        return _arrive(known, outcome)
    response = redirect("identity_wait", code=code)
    until = known_now().timestamp() + settings.PROVIDER_SECONDS + _STORING
    waiting = {name: known[name] for name in ("provider", "next", "typed")}
    _keep(response, {**waiting, "answer": str(outcome), "until": until})
    return response


def wait(request: HttpRequest, code: str) -> HttpResponse:
    """One moment: the page asks again by itself, and ends when nothing comes."""
    known = _known(request)
    if known.get("provider") != code or "answer" not in known:
        return redirect("eligibility" if signed_in(request) else "identity")
    try:
        outcome = exchanges.take(UUID(known["answer"]))
    except exchanges.Gone:
        return redirect("eligibility" if signed_in(request) else "identity")
    if outcome is None and known_now().timestamp() > known["until"]:
        outcome = Outcome(seconds=settings.PROVIDER_SECONDS)
    if outcome is not None:
        return _arrive(known, outcome)
    until = datetime.fromtimestamp(known["until"], tz=UTC)
    context = {"name": configured()[code].name, "until": until, "seconds": LOOK_AGAIN}
    response = render(request, "eligibility/identity_wait.html", context)
    response.headers["Refresh"] = str(LOOK_AGAIN)
    return response


def _arrive(known: dict[str, Any], outcome: Outcome) -> HttpResponse:
    """Signed in, asked for the district, or back at the form with what is known."""
    code, typed, identity = known["provider"], known["typed"], outcome.identity
    if outcome.declined:
        return _to_form(typed)
    if identity is None:
        return _failed(code, typed, outcome.seconds)
    providing.record_try(provider=code, worked=True, seconds=outcome.seconds)
    provider = configured()[code]
    if not (provider.certified and identity.is_whole):
        return _to_form({**typed, **_said(identity)})
    try:
        person = providing.vouched_for(provider=provider, identity=identity)
    except DistrictUnclear:
        response = redirect("identity_district")
        assert identity.birth_date  # it is whole
        vouched = {**asdict(identity), "birth_date": identity.birth_date.isoformat()}
        _keep(response, {"provider": code, "next": known["next"], "vouched": vouched})
        return response
    return _welcome(person, known["next"])


def _welcome(person: Person, following: str) -> HttpResponse:
    response = redirect(following or "eligibility")
    sign_in(response, person_id=person.pk)
    forget(response)
    return response


def forget(response: HttpResponse) -> None:
    response.delete_cookie(COOKIE, samesite="Lax")


def phone_vouched_for(request: HttpRequest) -> str:
    """The phone a provider has just vouched for, where only the district is missing."""
    phone: str = _known(request).get("vouched", {}).get("phone", "")
    return phone


def with_district(request: HttpRequest, home: District | None) -> HttpResponse:
    """Signed in by provider and district; DistrictUnclear if that is still not enough."""
    known = _known(request)
    provider = configured().get(known["provider"])
    if provider is None:
        return redirect("identity")
    said = {**known["vouched"], "birth_date": date.fromisoformat(known["vouched"]["birth_date"])}
    person = providing.vouched_for(
        provider=provider, identity=Identity(**said), home=home, home_chosen=True
    )
    return _welcome(person, known["next"])


def typed_before(request: HttpRequest) -> dict[str, str]:
    """What stood in the form when the browser left for a provider."""
    fields: dict[str, str] = _known(request).get("typed", {})
    return fields


def problem(request: HttpRequest) -> str:
    """The name of the provider that did not work just now."""
    provider = configured().get(_known(request).get("problem", ""))
    return provider.name if provider else ""


def _redirect_uri(code: str) -> str:
    site: str = settings.PUBLIC_URL.rstrip("/")
    return site + reverse("identity_provider", args=[code])


def _said(identity: Identity) -> dict[str, str]:
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
    _keep(response, {"typed": typed, "problem": problem})
    return response


def _keep(response: HttpResponse, known: dict[str, Any]) -> None:
    """In an encrypted cookie: names and phones stand in no address and in no session."""
    sealed = encrypt(json.dumps([int(known_now().timestamp()), known]), context=_CONTEXT)
    response.set_cookie(
        COOKIE,
        base64.urlsafe_b64encode(sealed).decode(),
        max_age=_AGE,
        httponly=True,
        samesite="Lax",
        secure=settings.CSRF_COOKIE_SECURE,
    )


def _known(request: HttpRequest) -> dict[str, Any]:
    try:
        sealed = base64.urlsafe_b64decode(request.COOKIES.get(COOKIE, ""))
        since, known = json.loads(decrypt(sealed, context=_CONTEXT))
    except (UnreadableData, ValueError):
        return {}
    return known if since + _AGE > known_now().timestamp() else {}
