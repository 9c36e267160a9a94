"""Pages between the password and the overview."""

from typing import Any

import segno
from django.contrib import messages
from django.contrib.auth import login, logout
from django.contrib.auth.views import PasswordResetConfirmView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django_otp import login as verified_by

from staff import notices
from staff.door import passkeys
from staff.door.forms import CodeForm, SetUpForm
from staff.door.frame import (
    begin_sign_in,
    complete_sign_in,
    continue_sign_in,
    decrypted,
    encrypted,
    factor_of,
    frame,
    must_show_again,
    page,
    rely_on,
    remember_next,
)
from staff.door.links import tokens
from staff.door.passkeys import PasskeyRefused
from staff.door.services import after_password_change, enrol
from staff.door.steps import CODES_SHOWN, UNREAD, has_second_factor, is_verified
from staff.enums import Act, NoticeKind
from staff.models import Authenticator, Passkey, RecoveryCodes
from staff.models.devices import key_as_text, new_key, otpauth_uri
from staff.services import record_access, staff_of
from staff.sessions import ADDRESS
from web.posted import posted_id

_NEW_KEY, _WRONG = "new_key", "wrong_codes"
WRONG_CODES = 5  # in one session; then the password is needed again


@sensitive_post_parameters()
@never_cache
def second_factor(request: HttpRequest) -> HttpResponse:
    user = staff_of(request)
    if is_verified(user) or not has_second_factor(user):
        return continue_sign_in(request)
    by_passkey = "credential" in request.POST
    form = CodeForm(None if by_passkey else request.POST or None, request=request)
    problem = ""
    if request.method == "POST":
        try:
            device = factor_of(request, form)
        except PasskeyRefused as refusal:
            problem = str(refusal)
        else:
            if device:
                return _accept(request, device)
            record_access(request, act=Act.LOG_IN_REFUSED, what="/admin/")
            request.session[_WRONG] = request.session.get(_WRONG, 0) + 1
            if request.session[_WRONG] >= WRONG_CODES:
                return _start_again(request)
    return page(
        request,
        "second_factor",
        422 if form.work["challenge"] else 200,
        title=_("Second factor"),
        form=form,
        problem=problem,
        passkey_options=passkeys.sign_in_options(request, user),
        **form.work,
    )


def _start_again(request: HttpRequest) -> HttpResponse:
    """After so many wrong codes the password is asked for again, and its owner told."""
    user = staff_of(request)
    notices.notify(user, NoticeKind.WRONG_CODES, by="", address=request.session.get(ADDRESS))
    logout(request)
    messages.error(request, _("Too many wrong codes. Sign in again from the start."))
    return HttpResponseRedirect(reverse("admin:login"))


def _accept(request: HttpRequest, device: Authenticator | RecoveryCodes | Passkey) -> HttpResponse:
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
    return complete_sign_in(request)


@sensitive_post_parameters()
@never_cache
def second_factor_setup(request: HttpRequest) -> HttpResponse:
    """Set up the first authenticator, or replace it; a passkey may be the first factor instead."""
    user, session = staff_of(request), request.session
    is_first = not has_second_factor(user)
    if not is_first and (detour := must_show_again(request)):
        return detour
    # The same key until the code is right: the app has scanned it.
    if _NEW_KEY not in session:
        session[_NEW_KEY] = encrypted(new_key())
    key = decrypted(session[_NEW_KEY])
    form = SetUpForm(request.POST or None, key=key)
    if request.method == "POST" and form.is_valid() and form.step is not None:
        device, codes = enrol(user=user, key=key, step=form.step)
        del session[_NEW_KEY]
        session[CODES_SHOWN] = encrypted(codes)
        return rely_on(request, device, is_first=is_first)
    picture = segno.make(otpauth_uri(key, user.get_username()), error="m")
    return page(
        request,
        "second_factor_setup",
        title=_("Set up a second factor"),
        form=form,
        replacing=Authenticator.objects.filter(user=user).exists(),
        is_first=is_first,
        picture=picture.svg_data_uri(scale=5, border=4, dark="#000", light="#fff"),
        typed=key_as_text(key),
    )


@sensitive_post_parameters()
@never_cache
def passkey_sign_in(request: HttpRequest) -> HttpResponse:
    """Sign in with a passkey alone: it shows possession, and a PIN or a finger."""
    if request.method != "POST":
        return HttpResponseRedirect(reverse("admin:login"))
    following = request.POST.get("next", "")
    try:
        key = passkeys.verify(request, request.POST.get("credential", ""))
        if not key.user.is_active:
            raise PasskeyRefused(_("This passkey belongs to no account here, or was removed."))
    except PasskeyRefused as refusal:
        messages.error(request, str(refusal))
        query = f"?{urlencode({'next': following})}" if following else ""
        return HttpResponseRedirect(f"{reverse('admin:login')}{query}")
    login(request, key.user)
    begin_sign_in(request)
    verified_by(request, key)
    remember_next(request, following)
    return complete_sign_in(request)


@never_cache
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """Show new recovery codes until the user confirms having saved them."""
    if CODES_SHOWN not in request.session:
        return continue_sign_in(request)
    if request.method == "POST":
        del request.session[CODES_SHOWN]
        return continue_sign_in(request)
    codes = decrypted(request.session[CODES_SHOWN])
    return page(request, "recovery_codes", title=_("Your recovery codes"), codes=codes)


@never_cache
def unread_notices(request: HttpRequest) -> HttpResponse:
    """What changed about the account since its owner last signed in."""
    user = staff_of(request)
    if request.method == "POST":
        notices.mark_read(user, until=posted_id(request, "until") or 0)
        request.session.pop(UNREAD, None)
        return continue_sign_in(request)
    rows = list(notices.unread(user))
    if not rows:
        request.session.pop(UNREAD, None)
        return continue_sign_in(request)
    return page(
        request,
        "notices",
        title=_("What changed about your account"),
        rows=notices.lines(rows),
        until=max(row.pk for row in rows),
    )


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
