"""Answers of the two identity pages that the event loop gives too (config.identity_pages)."""

import logging
from datetime import timedelta
from functools import cache
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from database import signing
from database.clock import known_now
from eligibility import limits
from eligibility.exceptions import Refusal
from eligibility.forms import CodeForm
from eligibility.models import Person, PhoneCode
from eligibility.services.identity import RESEND_AFTER, sent_message
from eligibility.sessions import end_session_before, log_sign_in, sign_in
from eligibility.spelling import masked_phone
from web import cookies, moulds
from web.addresses import client_address
from web.marking import unbroken
from web.moulds import Html, Text
from web.times import hour_of

log = logging.getLogger(__name__)

CODE_COOKIE = cookies.named("jari_code")
_SALT = "eligibility.code"
_CODE_COOKIE_AGE = 60 * 60


@cache
def _address(name: str) -> str:
    return reverse(name)


def following_of(request: HttpRequest) -> str:
    """The address to continue at after sign-in; "" unless it is within this site."""
    address = (request.POST.get("next") or request.GET.get("next", ""))[:2000]
    safe = url_has_allowed_host_and_scheme(
        address, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return address if safe else ""


def code_was_sent(challenge: PhoneCode, following: str) -> HttpResponse:
    """To the page of the code, with the open sign-in attempt in a signed cookie."""
    response: HttpResponse = HttpResponseRedirect(_address("identity_code"))
    response.set_cookie(
        CODE_COOKIE,
        signing.dumps([str(challenge.pk), following], salt=_SALT),
        max_age=_CODE_COOKIE_AGE,
        httponly=True,
        samesite="Lax",
        secure=settings.CSRF_COOKIE_SECURE,
    )
    return response


def open_attempt(request: HttpRequest) -> tuple[UUID | None, str]:
    """Id of the browser's sign-in attempt, and the address to continue at; (None, "") without."""
    try:
        key, following = signing.loads(
            request.COOKIES.get(CODE_COOKIE, ""), salt=_SALT, max_age=_CODE_COOKIE_AGE
        )
        return UUID(key), following
    except (signing.BadSignature, ValueError):
        return None, ""


def code_page(
    request: HttpRequest,
    challenge: PhoneCode,
    form: CodeForm | None = None,
    *,
    refusal: str = "",
    status: int = 200,
    sent: str | None = None,
) -> HttpResponse:
    """The page for the code. `sent` is the text of the message in a sample campaign, where it was
    read already."""
    if sent is None:
        sent = sent_message(challenge) if settings.SAMPLE else ""
    context = {
        "form": form or CodeForm,
        "typed_form": "code",
        "phone": Html(unbroken(masked_phone(challenge.phone))),
        "by_voice": challenge.by_voice,
        "expires_at": Text(hour_of(challenge.expires_at)),
        "expired": challenge.expires_at <= known_now(),
        # The next full minute: before it a new code might be refused.
        "resend_at": Text(hour_of(challenge.sent_at + RESEND_AFTER + timedelta(seconds=59))),
        "sample_message": Text(sent),
        "refusal": Text(refusal),
    }
    # A form in which something was typed is rendered.
    show_page = render if form else moulds.render
    return show_page(request, "eligibility/identity_code.html", context, status=status)


def code_was_refused(
    request: HttpRequest, challenge: PhoneCode, form: CodeForm, refusal: Refusal
) -> HttpResponse:
    log.warning(
        "sign-in code refused: %s, from %s, try %s",
        type(refusal).__name__,
        client_address(request) or "an unknown address",
        str(challenge.pk)[:8],
    )
    form.add_error("code", str(refusal))
    return code_page(request, challenge, form, status=422)


def welcome(
    request: HttpRequest, person: Person, challenge: PhoneCode, following: str
) -> HttpResponse:
    response: HttpResponse = (
        redirect(following) if following else HttpResponseRedirect(_address("eligibility"))
    )
    end_session_before(request)
    sign_in(response, person_id=person.pk, generation=person.session_generation)
    log_sign_in(request, person, "phone code")
    limits.remember_browser(request, response, challenge.phone)
    response.delete_cookie(CODE_COOKIE, samesite="Lax")
    return response
