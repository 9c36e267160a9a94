"""What the pages of signing in share: their frame, what waits in the session, and the way on."""

import base64
import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django_otp import login as verified_by

from privacy.cipher import decrypt, encrypt
from staff import notices
from staff.actors import actor_of
from staff.door import known_devices, passkeys
from staff.door.forms import CodeForm
from staff.door.provider import link_account
from staff.door.steps import PROVIDER_PROVED, UNREAD, has_proved_lately, next_step, record_proof
from staff.enums import Act, NoticeKind
from staff.models import Authenticator, Passkey, RecoveryCodes
from staff.services import record_access, staff_of
from staff.sessions import ADDRESS, AGENT, begin, end_sessions

View = Callable[..., HttpResponse]

_NEXT, _AFTER = "next_page", "after_again"
_CONTEXT = b"staff.door"


def page(request: HttpRequest, name: str, status: int = 200, **context: Any) -> TemplateResponse:
    """A page before sign-in is complete."""
    values = {**frame(request), **context}
    return TemplateResponse(request, f"admin/door/{name}.html", values, status=status)


def frame(request: HttpRequest) -> dict[str, Any]:
    """The admin's context without its navigation and list of apps."""
    context: dict[str, Any] = {**admin.site.each_context(request), "has_permission": False}
    return context | {"available_apps": [], "is_nav_sidebar_enabled": False}


def encrypted(value: Any) -> str:
    """`value` encrypted for the session, whose row in the database must not show secrets."""
    return base64.b64encode(encrypt(json.dumps(value), context=_CONTEXT)).decode()


def decrypted(text: str) -> Any:
    return json.loads(decrypt(base64.b64decode(text), context=_CONTEXT))


def remember_next(request: HttpRequest, address: str) -> None:
    """Store the requested address, to continue at it after sign-in; foreign hosts are ignored."""
    if url_has_allowed_host_and_scheme(address, allowed_hosts={request.get_host()}):
        request.session[_NEXT] = address


def continue_sign_in(request: HttpRequest) -> HttpResponse:
    """Redirect to the next step, or to the address requested first."""
    step = next_step(request)
    if step:
        return HttpResponseRedirect(reverse(f"admin:{step}"))
    return HttpResponseRedirect(request.session.pop(_NEXT, reverse("admin:index")))


def begin_sign_in(request: HttpRequest) -> None:
    """After a right password or passkey. Notices from now on are of what this user does here."""
    begin(request)
    request.session.pop(PROVIDER_PROVED, None)  # of an earlier sign-in of this browser
    if notices.unread(staff_of(request)).exists():
        request.session[UNREAD] = True


def complete_sign_in(request: HttpRequest) -> HttpResponse:
    """Record the log-in, tell the owner of a new browser, and go on to the next page."""
    user = staff_of(request)
    record_access(request, act=Act.LOG_IN, what="/admin/")
    record_proof(request)
    link_account(request, user)
    if not known_devices.known_for(request, user):
        # Read at the next sign-in: the person who signs in now knows.
        notices.notify(
            user,
            NoticeKind.NEW_BROWSER,
            by=actor_of(user),
            address=request.session.get(ADDRESS),
            agent=request.session.get(AGENT),
        )
    response = continue_sign_in(request)
    known_devices.remember(request, response, user)
    return response


def factor_of(
    request: HttpRequest, form: CodeForm
) -> Authenticator | RecoveryCodes | Passkey | None:
    """What the user has shown to hold: a passkey, or that of a valid form; PasskeyRefused."""
    if "credential" in request.POST:
        return passkeys.verify(request, request.POST["credential"], user=staff_of(request))
    return form.device if form.is_valid() else None


def must_show_again(request: HttpRequest) -> HttpResponse | None:
    """The way to the page that asks who the user is, unless they have shown it lately."""
    if has_proved_lately(request):
        return None
    is_page = request.method in ("GET", "HEAD")
    request.session[_AFTER] = request.get_full_path() if is_page else reverse("admin:account")
    return HttpResponseRedirect(reverse("admin:again"))


def shown_again(request: HttpRequest) -> HttpResponse:
    request.session.cycle_key()
    record_proof(request)
    return HttpResponseRedirect(request.session.pop(_AFTER, reverse("admin:account")))


def asks_again(view: View) -> View:
    """The view changes how the account is signed in to: only shortly after its owner showed who
    they are, by all that signing in takes."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return must_show_again(request) or view(request, *args, **kwargs)

    return checked


def rely_on(
    request: HttpRequest, device: Authenticator | Passkey, *, is_first: bool
) -> HttpResponse:
    """A new second factor: this session has it, and others end."""
    verified_by(request, device)
    request.session.cycle_key()
    end_sessions(staff_of(request), other_than=request.session.session_key)
    return complete_sign_in(request) if is_first else continue_sign_in(request)
