"""Pages between the password and the overview, and the page of the user's own account."""

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
from staff.door.services import after_password_change, enrol, renew_codes
from staff.door.steps import CODES_SHOWN, has_second_factor, is_verified, next_step
from staff.enums import Act
from staff.models import Authenticator, RecoveryCodes
from staff.models.devices import key_as_text, new_key, otpauth_uri
from staff.services import record_access, staff_of
from staff.sessions import end_sessions, sessions_of

_NEW_KEY, _WRONG, _NEXT = "new_key", "wrong_codes", "next_page"
WRONG_CODES = 5  # in one session; then the password is needed again
_CONTEXT = b"staff.door"


def page(request: HttpRequest, name: str, status: int = 200, **context: Any) -> TemplateResponse:
    """A page before sign-in is complete."""
    values = {**frame(request), **context}
    return TemplateResponse(request, f"admin/door/{name}.html", values, status=status)


def frame(request: HttpRequest) -> dict[str, Any]:
    """The admin's context without its navigation and list of apps."""
    context: dict[str, Any] = {**admin.site.each_context(request), "has_permission": False}
    return context | {"available_apps": [], "is_nav_sidebar_enabled": False}


def _encrypted(value: Any) -> str:
    """`value` encrypted for the session, whose row in the database must not show secrets."""
    return base64.b64encode(encrypt(json.dumps(value), context=_CONTEXT)).decode()


def _decrypted(text: str) -> Any:
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


def complete_sign_in(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Record the log-in, and remember the browser as known for this user."""
    record_access(request, act=Act.LOG_IN, what="/admin/")
    known_devices.remember(request, response, staff_of(request))
    return response


@sensitive_post_parameters()
@never_cache
def second_factor(request: HttpRequest) -> HttpResponse:
    if is_verified(staff_of(request)) or not has_second_factor(staff_of(request)):
        return continue_sign_in(request)
    form = CodeForm(request.POST or None, request=request)
    if request.method == "POST":
        if form.is_valid() and form.device:
            return _accept(request, form.device)
        record_access(request, act=Act.LOG_IN_REFUSED, what="/admin/")
        request.session[_WRONG] = request.session.get(_WRONG, 0) + 1
        if request.session[_WRONG] >= WRONG_CODES:
            logout(request)
            messages.error(request, _("Too many wrong codes. Sign in again from the start."))
            return HttpResponseRedirect(reverse("admin:login"))
    title = _("Second factor")
    status = 422 if form.work["challenge"] else 200
    return page(request, "second_factor", status, title=title, form=form, **form.work)


def _accept(request: HttpRequest, device: Authenticator | RecoveryCodes) -> HttpResponse:
    verified_by(request, device)
    # The session gains rights, so its key of before must not be worth anything.
    request.session.cycle_key()
    request.session.pop(_WRONG, None)
    if isinstance(device, RecoveryCodes):
        remaining = len(device.hashes)
        messages.warning(
            request,
            _(
                "That was a recovery code; %(left)s are left. Lost your phone? Set up a new "
                "authenticator on the page of your account."
            )
            % {"left": remaining},
        )
    return complete_sign_in(request, continue_sign_in(request))


@sensitive_post_parameters()
@never_cache
def second_factor_setup(request: HttpRequest) -> HttpResponse:
    """Set up the first authenticator, or replace it."""
    user, session = staff_of(request), request.session
    replacing = has_second_factor(user)
    # The same key until the code is right: the app has scanned it.
    if _NEW_KEY not in session:
        session[_NEW_KEY] = _encrypted(new_key())
    key = _decrypted(session[_NEW_KEY])
    form = SetUpForm(request.POST or None, user=user, key=key, replacing=replacing)
    if request.method == "POST" and form.is_valid() and form.step is not None:
        device, codes = enrol(user=user, key=key, step=form.step)
        del session[_NEW_KEY]
        verified_by(request, device)
        session.cycle_key()
        end_sessions(user, other_than=session.session_key)
        session[CODES_SHOWN] = _encrypted(codes)
        response = continue_sign_in(request)
        return response if replacing else complete_sign_in(request, response)
    picture = segno.make(otpauth_uri(key, user.get_username()), error="m")
    return page(
        request,
        "second_factor_setup",
        title=_("Set up a second factor"),
        form=form,
        replacing=replacing,
        picture=picture.svg_data_uri(scale=5, border=4, dark="#000", light="#fff"),
        typed=key_as_text(key),
    )


@never_cache
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """Show new recovery codes until the user confirms having saved them."""
    if CODES_SHOWN not in request.session:
        return continue_sign_in(request)
    if request.method == "POST":
        del request.session[CODES_SHOWN]
        return continue_sign_in(request)
    codes = _decrypted(request.session[CODES_SHOWN])
    return page(request, "recovery_codes", title=_("Your recovery codes"), codes=codes)


@sensitive_post_parameters()
@never_cache
def account(request: HttpRequest) -> HttpResponse:
    """The user's own account: second factors, recovery codes and sessions."""
    user = staff_of(request)
    form = PasswordAgainForm(request.POST if "codes" in request.POST else None, user=user)
    if request.method == "POST":
        if "end" in request.POST:
            # The page has the first letters of a key only: a full key would be a session.
            for row in sessions_of(user):
                if row.session_key[:8] == request.POST["end"]:
                    row.delete()
            return HttpResponseRedirect(request.path)
        if "end_others" in request.POST:
            count = end_sessions(user, other_than=request.session.session_key)
            messages.success(request, _("Signed out elsewhere: %(n)s.") % {"n": count})
            return HttpResponseRedirect(request.path)
        if form.is_bound and form.is_valid() and has_second_factor(user):
            request.session[CODES_SHOWN] = _encrypted(renew_codes(user=user))
            return continue_sign_in(request)
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
    """Target of an invitation link, the only way to set an account's first password.

    Django's token is bound to the password hash of before, so a link works once, and only for
    PASSWORD_RESET_TIMEOUT.
    """

    token_generator = tokens
    template_name = "admin/door/invitation.html"
    success_url = reverse_lazy("admin:login")
    reset_url_token = "new"  # noqa: S105 - a word in the address

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        assert self.user  # dispatch has checked the link
        after_password_change(user=self.user)
        messages.success(self.request, _("Your password is set. Sign in with it now."))
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**frame(self.request), **super().get_context_data(**kwargs)}
