"""The pages between the password and the overview, and the page of one's own account."""

import base64
import json
from typing import Any

import segno
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import logout
from django.contrib.auth.views import PasswordResetConfirmView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django_otp import login as verified_by

from privacy.cipher import decrypt, encrypt
from staff.door import known_devices
from staff.door.forms import CodeForm, PasswordAgainForm, SetUpForm
from staff.door.links import tokens
from staff.door.services import enrol, password_was_set, renew_codes
from staff.door.steps import CODES_SHOWN, has_second_factor, is_verified, next_step
from staff.enums import Act
from staff.models import Authenticator, RecoveryCodes
from staff.models.devices import address_of, new_key, readable
from staff.services import record_access, staff_of
from staff.sessions import end_sessions, sessions_of

_NEW_KEY, _WRONG, _NEXT = "new_key", "wrong_codes", "next_page"
WRONG_CODES = 5  # then the password is asked for again
_CONTEXT = b"staff.door"


def page(request: HttpRequest, name: str, status: int = 200, **context: Any) -> TemplateResponse:
    """A page of the door: nothing of the admin around it, not even which parts there are."""
    around: dict[str, Any] = {**admin.site.each_context(request), "has_permission": False}
    around |= {"available_apps": [], "is_nav_sidebar_enabled": False}
    return TemplateResponse(
        request, f"admin/door/{name}.html", {**around, **context}, status=status
    )


def _hidden(value: Any) -> str:
    """Secrets wait in the session for one page; its row in the database does not show them."""
    return base64.b64encode(encrypt(json.dumps(value), context=_CONTEXT)).decode()


def _shown(text: str) -> Any:
    return json.loads(decrypt(base64.b64decode(text), context=_CONTEXT))


def remember_next(request: HttpRequest, address: str) -> None:
    """Where somebody wanted to go before the steps of the door came between."""
    if url_has_allowed_host_and_scheme(address, allowed_hosts={request.get_host()}):
        request.session[_NEXT] = address


def onwards(request: HttpRequest) -> HttpResponse:
    step = next_step(request)
    if step:
        return HttpResponseRedirect(reverse(f"admin:{step}"))
    return HttpResponseRedirect(request.session.pop(_NEXT, reverse("admin:index")))


def signed_in(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Past every step: on record, and the browser is known from now on."""
    record_access(request, act=Act.LOG_IN, what="/admin/")
    known_devices.remember(request, response, staff_of(request))
    return response


@sensitive_post_parameters()
@never_cache
def second_factor(request: HttpRequest) -> HttpResponse:
    if is_verified(staff_of(request)) or not has_second_factor(staff_of(request)):
        return onwards(request)
    form = CodeForm(request.POST or None, request=request)
    if request.method == "POST":
        if form.is_valid() and form.device:
            return _pass(request, form.device)
        record_access(request, act=Act.LOG_IN_REFUSED, what="/admin/")
        request.session[_WRONG] = request.session.get(_WRONG, 0) + 1
        if request.session[_WRONG] >= WRONG_CODES:
            logout(request)
            messages.error(request, _("Too many wrong codes. Sign in again from the start."))
            return HttpResponseRedirect(reverse("admin:login"))
    title = _("Second factor")
    return page(request, "second_factor", 429 if form.refusal else 200, title=title, form=form)


def _pass(request: HttpRequest, device: Authenticator | RecoveryCodes) -> HttpResponse:
    verified_by(request, device)
    request.session.cycle_key()
    request.session.pop(_WRONG, None)
    if isinstance(device, RecoveryCodes):
        left = len(device.hashes)
        messages.warning(
            request,
            _(
                "That was a recovery code; %(left)s are left. Lost your phone? Set up a new "
                "authenticator on the page of your account."
            )
            % {"left": left},
        )
    return signed_in(request, onwards(request))


@sensitive_post_parameters()
@never_cache
def second_factor_setup(request: HttpRequest) -> HttpResponse:
    """A new authenticator: the first one, or instead of the one before it."""
    user, session = staff_of(request), request.session
    replacing = has_second_factor(user)
    if _NEW_KEY not in session:
        session[_NEW_KEY] = _hidden(new_key())
    key = _shown(session[_NEW_KEY])
    form = SetUpForm(request.POST or None, user=user, key=key, replacing=replacing)
    if request.method == "POST" and form.is_valid() and form.step is not None:
        device, codes = enrol(user=user, key=key, step=form.step)
        del session[_NEW_KEY]
        verified_by(request, device)
        session.cycle_key()
        end_sessions(user, other_than=session.session_key)
        session[CODES_SHOWN] = _hidden(codes)
        response = onwards(request)
        return response if replacing else signed_in(request, response)
    picture = segno.make(address_of(key, user.get_username()), error="m")
    return page(
        request,
        "second_factor_setup",
        title=_("Set up a second factor"),
        form=form,
        replacing=replacing,
        picture=picture.svg_data_uri(scale=5, border=4, dark="#000", light="#fff"),
        typed=readable(key),
    )


@never_cache
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """Shown until somebody says that they are kept; then never again."""
    if CODES_SHOWN not in request.session:
        return onwards(request)
    if request.method == "POST":
        del request.session[CODES_SHOWN]
        return onwards(request)
    codes = _shown(request.session[CODES_SHOWN])
    return page(request, "recovery_codes", title=_("Your recovery codes"), codes=codes)


@sensitive_post_parameters()
@never_cache
def account(request: HttpRequest) -> HttpResponse:
    """What one's own account may do, how it signs in, and where it is signed in now."""
    user = staff_of(request)
    form = PasswordAgainForm(request.POST if "codes" in request.POST else None, user=user)
    if request.method == "POST":
        if "end" in request.POST:
            # Some of the key only: a whole one on a page would be a way in.
            for row in sessions_of(user):
                if row.session_key[:8] == request.POST["end"]:
                    row.delete()
            return HttpResponseRedirect(request.path)
        if "end_others" in request.POST:
            count = end_sessions(user, other_than=request.session.session_key)
            messages.success(request, _("Signed out elsewhere: %(n)s.") % {"n": count})
            return HttpResponseRedirect(request.path)
        if form.is_bound and form.is_valid() and has_second_factor(user):
            request.session[CODES_SHOWN] = _hidden(renew_codes(user=user))
            return onwards(request)
    codes = RecoveryCodes.objects.filter(user=user).first()
    context = {
        **admin.site.each_context(request),
        "title": _("My account"),
        "form": form,
        "authenticators": Authenticator.objects.filter(user=user, confirmed=True),
        "codes_left": len(codes.hashes) if codes else 0,
        "rows": [
            (row, row.session_key[:8], row.session_key == request.session.session_key)
            for row in sessions_of(user)
        ],
        "idle_minutes": settings.STAFF_IDLE_MINUTES,
    }
    return TemplateResponse(request, "admin/door/account.html", context)


@method_decorator(never_cache, name="dispatch")
class InvitationView(PasswordResetConfirmView):
    """Where a link leads that an account was invited with: the only way a password is first set.

    Django's token is bound to the password before, so that the link is good once, and only for
    PASSWORD_RESET_TIMEOUT.
    """

    token_generator = tokens
    template_name = "admin/door/invitation.html"
    success_url = reverse_lazy("admin:login")
    reset_url_token = "new"  # noqa: S105 - a word in the address

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        assert self.user  # the link was checked
        password_was_set(user=self.user)
        messages.success(self.request, _("Your password is set. Sign in with it now."))
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        around = {**admin.site.each_context(self.request), "has_permission": False}
        return {**around, "available_apps": [], "is_nav_sidebar_enabled": False, **context}
