"""Acting for another person: each page names them, and its forms are refused once the session acts
for a third, or for who is signed in, as after "Switch back to myself" in another tab."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from psycopg_pool import PoolTimeout

from eligibility.models import Person, Proxy
from eligibility.sessions import Session, claim_of, signed_in
from web.form_tokens import FIELD, FormToken
from web.posted import id_in

# By the name of their address: what does the same for every person.
OF_NOBODY = {"family_back", "identity_sign_out", "letters", "set_language"}
# Staff have accounts of their own.
STAFF = "/admin/"
_ACTING = "_jari_acting"


@dataclass(frozen=True)
class Acting:
    """The person a session acts for; without a name during an outage of the database."""

    person_id: int
    name: str = ""


def acting(request: HttpRequest) -> Acting | None:
    """The person whom this request's session acts for; None in a person's own session."""
    claim, attributes = claim_of(request), vars(request)
    if claim is None or claim.by_id is None:
        return None
    if _ACTING not in attributes:
        attributes[_ACTING] = _read(request, claim.person_id)
    found: Acting | None = attributes[_ACTING]
    return found


def _read(request: HttpRequest, person_id: int) -> Acting | None:
    try:
        if signed_in(request) is None:
            return None
        name = Person.objects.filter(pk=person_id).values_list("name", flat=True).first()
    except (OperationalError, InterfaceError, PoolTimeout):
        return Acting(person_id)
    return Acting(person_id, name or "")


def context_of(request: HttpRequest) -> dict[str, Any]:
    """Template context of a page: whom it is for, and the token that its forms send with that."""
    found = acting(request)
    if found is None:
        return {"acting": None}
    token = FormToken.of(get_token(request), person=str(found.person_id))
    return {"acting": {"name": found.name}, "csrf_token": token}


class ActingMiddleware:
    """Refuses a form that was made for another person than the session acts for now."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        if request.method != "POST" or request.path.startswith(STAFF):
            return None
        claim, match = claim_of(request), request.resolver_match
        if claim is None or (match and match.view_name in OF_NOBODY):
            return None
        # A form of a page for the person who is signed in names nobody.
        sent = request.POST.get(FIELD, "")
        expected = "" if claim.by_id is None else str(claim.person_id)
        if sent == expected:
            return None
        session = signed_in(request)
        # Of a session that has ended the page itself says so.
        return made_for_another(request, session, sent) if session else None


def made_for_another(request: HttpRequest, session: Session, sent: str) -> HttpResponse:
    """The page that says for whom the form was, for whom the session acts, and that nothing was
    done."""
    # Named only to a person who may act for them.
    proxies = Proxy.objects.filter(by=session.by_id or session.person_id, ended_at=None)
    proxy = proxies.filter(person=id_in(sent)).select_related("person").first()
    context = {
        "meant_oneself": not sent,
        "meant": proxy,
    }
    # 403: the script of the waiting page (jari/waiting.js) takes 409 for a door that is still shut.
    return render(request, "eligibility/made_for_another.html", context, status=403)
