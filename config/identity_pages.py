"""Fast path: proving who one is in the event loop, by a code to the phone.

It answers the form, the page of the code and the code when they are ordinary: nobody is signed in
yet, nothing was forgotten, and no proof of work is asked for. All else is left to Django's views,
the plain twin, before anything is changed; but a code that was tried is answered here, as it must
not be tried twice. Tests compare answers and rows with those of the views.
"""

import asyncio
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import translation

from booking.fast_path import TOKEN, Act, FastPages, finished, is_form, is_page, read_token
from booking.finder.availability import at_hand
from config.own_pages import cohorts, fill
from database.links import Links
from eligibility import limits
from eligibility.code_pages import (
    code_page,
    code_was_refused,
    code_was_sent,
    following_of,
    open_attempt,
    welcome,
)
from eligibility.exceptions import LimitReached, Refusal, WorkNeeded
from eligibility.fast_identity import READ, ask_code, attempt_of, enter_code
from eligibility.forms import CodeForm, IdentityForm
from eligibility.models import Person, PhoneCode
from eligibility.sessions import COOKIE
from messaging.budget import codes_are_above_budget
from messaging.enums import Channel
from messaging.services import CODE_KINDS
from messaging.waking import Waker
from messaging.wordings import keep_own_texts
from web.language import language_for

# Of one process, beside those of a booking: a crowd that arrives must not take these.
CONNECTIONS = 8


class IdentityPages(FastPages):
    """Form, code and check of a person who is not signed in."""

    def __init__(self, links: Links | None = None) -> None:
        super().__init__(links or Links(CONNECTIONS))
        [kind] = CODE_KINDS
        self._waker = Waker(kind)
        self._form, self._code = reverse("identity"), reverse("identity_code")

    def act_for(self, environ: dict[str, Any]) -> tuple[str, Act | None]:
        path = environ["PATH_INFO"]
        if path == self._code:
            if is_page(environ):
                return "identity_code", self._show
            return "identity_code", self._check if is_form(environ) else None
        if path == self._form and is_form(environ):
            return "identity", partial(self._ask, environ=environ)
        return "", None

    async def close(self) -> None:
        await super().close()
        await self._waker.close()

    async def _answer(self, request: HttpRequest, act: Act) -> HttpResponse | None:
        request.get_host()  # raises DisallowedHost, for which Django has an answer
        # Who is signed in ends that session with the new one.
        if COOKIE in request.COOKIES:
            return None
        request.LANGUAGE_CODE = language_for(request)
        read_token(request)
        with translation.override(request.LANGUAGE_CODE):
            return await act(request)

    async def _ask(self, request: HttpRequest, *, environ: dict[str, Any]) -> HttpResponse | None:
        if not set(request.POST) <= {TOKEN, "next", *IdentityForm.base_fields}:
            return None
        form = IdentityForm(request.POST)
        # Where these two are not known they take a statement, which Django refuses here.
        keep_own_texts()
        if codes_are_above_budget() or not form.is_valid():
            return None
        environ[limits.COUNTED] = is_busy = await self._is_busy(request)
        if is_busy:
            return None
        typed = form.cleaned_data
        async with self._links.transaction() as transaction:
            if transaction is None:
                return None
            try:
                challenge, message_id = await ask_code(
                    transaction,
                    name=typed["name"],
                    birth_date=typed["birth_date"],
                    phone=typed["phone"],
                    by_voice=typed.get("by") == Channel.VOICE,
                    source=limits.source_of(request, typed["phone"]),
                )
            except (WorkNeeded, LimitReached):
                return None
        self._waker.wake(message_id)
        return finished(request, code_was_sent(challenge, following_of(request)))

    async def _is_busy(self, request: HttpRequest) -> bool:
        """Whether this caller's network asks too often. Redis is asked by a thread."""
        if limits.client_address(request) is None:
            return False
        count = partial(limits.address_is_busy, request)
        return await asyncio.get_running_loop().run_in_executor(None, count)

    async def _show(self, request: HttpRequest) -> HttpResponse | None:
        key, _following = open_attempt(request)
        if key is None:
            return None
        rows = await self._links.run(READ, {"id": key, "with_text": settings.SAMPLE})
        if not rows:
            return None
        challenge, sent = attempt_of(rows[0])
        return finished(request, code_page(request, challenge, sent=sent))

    async def _check(self, request: HttpRequest) -> HttpResponse | None:
        if not set(request.POST) <= {TOKEN, *CodeForm.base_fields}:
            return None
        key, following = open_attempt(request)
        form = CodeForm(request.POST)
        if key is None or not form.is_valid():
            return None
        tried = await self._enter(key, form.cleaned_data["code"])
        if tried is None:
            return None
        challenge, answer = tried
        if isinstance(answer, Refusal):
            refused = partial(_refused, request, challenge, form, answer)
            return finished(request, await asyncio.to_thread(refused))
        return finished(request, welcome(request, answer, challenge, following))

    async def _enter(self, key: UUID, code: str) -> tuple[PhoneCode, Person | Refusal] | None:
        await fill(cohorts)
        with at_hand():
            in_force = cohorts.get(["all"])["all"]
        async with self._links.transaction() as transaction:
            return await enter_code(transaction, key, code, in_force) if transaction else None


def _refused(
    request: HttpRequest, challenge: PhoneCode, form: CodeForm, refusal: Refusal
) -> HttpResponse:
    """In a thread: a page with what was typed is rendered, which takes some milliseconds."""
    try:
        with translation.override(request.LANGUAGE_CODE):
            return code_was_refused(request, challenge, form, refusal)
    finally:
        close_old_connections()
