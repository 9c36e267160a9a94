from typing import Any

from django.http import HttpResponse
from django.test import Client

from eligibility import sessions
from web.form_tokens import FIELD


class FamilyClient(Client):
    """Names in each form the person it is for, as a page does that this session opened just now."""

    def post(self, path, data: Any = None, *args, **kwargs):
        cookie = self.cookies.get(sessions.COOKIE)
        claim = sessions.read_cookie(cookie.value) if cookie else None
        if claim and claim.by_id:
            data = {FIELD: str(claim.person_id), **(data or {})}
        return super().post(path, data, *args, **kwargs)


def sign_in(client, person, **values) -> None:
    """Give this browser the sign-in cookie of a person, or with `by_id` of who acts for them."""
    client.cookies[sessions.COOKIE] = _cookie(person.pk, **values)


def sign_in_context(context, site: str, person_id: int) -> None:
    """The same for a context of Playwright, which opens pages of the portal at `site`."""
    cookie = {"name": sessions.COOKIE, "value": _cookie(person_id), "url": site}
    context.add_cookies([cookie])


def _cookie(person_id: int, **values) -> str:
    response = HttpResponse()
    sessions.sign_in(response, person_id=person_id, **values)
    return response.cookies[sessions.COOKIE].value
