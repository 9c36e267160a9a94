"""The way to an identity provider and back: what was typed comes along, whatever happens."""

import base64
import json
import logging
import time
from dataclasses import asdict
from datetime import date
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from database.clock import known_now
from dataio.districts import District
from eligibility.exceptions import DistrictUnclear
from eligibility.models import Person
from eligibility.providers import Declined, Identity, ProviderProblem, configured
from eligibility.services import providing
from eligibility.sessions import sign_in
from eligibility.spelling import shown_phone
from privacy.cipher import UnreadableData, decrypt, encrypt
from web import cookies

log = logging.getLogger(__name__)

COOKIE = cookies.named("jari_provider")
_CONTEXT = b"cookie.provider"
_AGE = 15 * 60
_TYPED = ["name", "birth_date", "phone"]


def leave(request: HttpRequest, code: str, following: str) -> HttpResponse:
    """Send the browser to the provider; if that can't be reached, back to what was typed."""
    typed = {name: request.POST.get(name, "")[:200] for name in _TYPED}
    start = time.monotonic()
    try:
        address, kept = configured()[code].begin(redirect_uri=_redirect_uri(code))
    except ProviderProblem as problem:
        return _failed(code, typed, problem, start)
    response = redirect(address)
    _keep(response, {"provider": code, "next": following, "typed": typed, "kept": kept})
    return response


def come_back(request: HttpRequest, code: str) -> HttpResponse:
    known = _known(request)
    if known.get("provider") != code or not known.get("kept"):
        return redirect("identity")
    provider, start = configured()[code], time.monotonic()
    typed = known["typed"]
    try:
        identity = provider.finish(
            request.GET.dict(), kept=known["kept"], redirect_uri=_redirect_uri(code)
        )
    except Declined:
        return _to_form(typed)
    except ProviderProblem as problem:
        return _failed(code, typed, problem, start)
    providing.record_try(provider=code, worked=True, seconds=time.monotonic() - start)
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


def _failed(
    code: str, typed: dict[str, Any], problem: ProviderProblem, start: float
) -> HttpResponse:
    log.warning("identity provider: %s", problem)
    providing.record_try(provider=code, worked=False, seconds=time.monotonic() - start)
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
