"""The user's own account: second factors, passkeys, recovery codes, sessions, and what changed."""

from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from staff import notices
from staff.door import passkeys
from staff.door.forms import AgainForm, PasskeyForm
from staff.door.frame import (
    asks_again,
    continue_sign_in,
    encrypted,
    factor_of,
    must_show_again,
    page,
    rely_on,
    remember_next,
    shown_again,
)
from staff.door.passkeys import PasskeyRefused
from staff.door.provider import name_of_issuer, unlink_account
from staff.door.services import LastFactor, remove_passkey, renew_codes
from staff.door.steps import CODES_SHOWN, has_second_factor
from staff.enums import Act
from staff.models import Authenticator, OpenIdAccount, Passkey, RecoveryCodes
from staff.names import browser_name
from staff.services import record_access, staff_of
from staff.sessions import end_sessions, sessions_of


@sensitive_post_parameters()
@never_cache
def account(request: HttpRequest) -> HttpResponse:
    """The user's own account: second factors, recovery codes, sessions, and what changed."""
    user = staff_of(request)
    if request.method == "POST":
        return _act_on_account(request)
    codes = RecoveryCodes.objects.filter(user=user).first()
    context = {
        **admin.site.each_context(request),
        "title": _("My account"),
        "authenticators": Authenticator.objects.filter(user=user, confirmed=True),
        "passkeys": Passkey.objects.filter(user=user, confirmed=True).order_by("made_at"),
        "passkeys_work": passkeys.site() is not None,
        "openid_accounts": [
            (name_of_issuer(row.issuer), row)
            for row in OpenIdAccount.objects.filter(user=user).order_by("created_at", "pk")
        ],
        "codes_left": len(codes.hashes) if codes else 0,
        "has_codes": codes is not None,
        "rows": [
            {
                "session": row,
                "browser": browser_name(row.agent),
                "short": row.session_key[:8],
                "current": row.session_key == request.session.session_key,
            }
            for row in sessions_of(user)
        ],
        "idle_minutes": settings.STAFF_IDLE_MINUTES,
        "changes": notices.lines(user.notices.order_by("-at", "-pk")[: notices.SHOWN]),
    }
    return TemplateResponse(request, "admin/door/account.html", context)


def _act_on_account(request: HttpRequest) -> HttpResponse:
    user = staff_of(request)
    if "codes" in request.POST:
        return _new_codes(request)
    if "end" in request.POST:
        # The page has the first letters of a key only: a full key would be a session.
        for row in sessions_of(user):
            if row.session_key[:8] == request.POST["end"]:
                row.delete()
    elif "end_others" in request.POST:
        count = end_sessions(user, other_than=request.session.session_key)
        messages.success(request, _("Signed out elsewhere: %(n)s.") % {"n": count})
    return HttpResponseRedirect(request.path)


@asks_again
def _new_codes(request: HttpRequest) -> HttpResponse:
    user = staff_of(request)
    if has_second_factor(user):
        request.session[CODES_SHOWN] = encrypted(renew_codes(user=user))
    return continue_sign_in(request)


@sensitive_post_parameters()
@never_cache
def again(request: HttpRequest) -> HttpResponse:
    """Show again who you are."""
    user = staff_of(request)
    by_passkey = "credential" in request.POST
    form = AgainForm(None if by_passkey else request.POST or None, request=request)
    problem = ""
    if request.method == "POST":
        try:
            if factor_of(request, form) or form.is_valid():
                return shown_again(request)
        except PasskeyRefused as refusal:
            problem = str(refusal)
        else:
            record_access(request, act=Act.LOG_IN_REFUSED, what="/admin/")
    return page(
        request,
        "again",
        422 if form.work["challenge"] else 200,
        title=_("Please show again that it is you"),
        form=form,
        problem=problem,
        passkey_options=passkeys.sign_in_options(request, user),
        **form.work,
    )


@sensitive_post_parameters()
@never_cache
def passkey_add(request: HttpRequest) -> HttpResponse:
    """A passkey more, or as the first second factor; then with recovery codes."""
    user, session = staff_of(request), request.session
    is_first = not has_second_factor(user)
    if not is_first and (detour := must_show_again(request)):
        return detour
    form = PasskeyForm(request.POST or None)
    problem = ""
    if request.method == "POST" and form.is_valid():
        try:
            key = passkeys.register(
                request,
                user=user,
                name=form.cleaned_data["name"],
                answer=form.cleaned_data["credential"],
            )
        except PasskeyRefused as refusal:
            problem = str(refusal)
        else:
            messages.success(request, _("The passkey is added. You can sign in with it now."))
            remember_next(request, reverse("admin:account"))
            if not RecoveryCodes.objects.filter(user=user).exists():
                session[CODES_SHOWN] = encrypted(renew_codes(user=user))
            if is_first:
                return rely_on(request, key, is_first=True)
            return continue_sign_in(request)
    return page(
        request,
        "passkey_add",
        422 if problem else 200,
        title=_("Add a passkey"),
        form=form,
        problem=problem,
        is_first=is_first,
        options=passkeys.registration_options(request, user),
    )


@require_POST
@never_cache
@asks_again
def passkey_remove(request: HttpRequest, pk: int) -> HttpResponse:
    user = staff_of(request)
    try:
        remove_passkey(user=user, pk=pk, must_keep_one=not settings.SAMPLE)
    except LastFactor:
        messages.error(
            request, _("This passkey is your only second factor. Set up another one first.")
        )
    return HttpResponseRedirect(reverse("admin:account"))


@require_POST
@never_cache
@asks_again
def openid_remove(request: HttpRequest, pk: int) -> HttpResponse:
    unlink_account(request, staff_of(request), pk)
    return HttpResponseRedirect(reverse("admin:account"))
