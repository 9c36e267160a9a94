from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from staff.door.services import verify_code
from staff.door.steps import has_second_factor
from staff.enums import Step
from staff.limits import Attempt, WorkNeeded, attempt_of
from staff.models import Authenticator, RecoveryCodes
from staff.models.devices import matching_step
from staff.passwords import MOST
from staff.services import staff_of
from web.proof_of_work import NO_WORK, work_for

Answer = TypeVar("Answer")


class CountedForm(forms.Form):
    """A form whose wrong tries are counted (staff.limits)."""

    # Template context of admin/components/work.html, once a proof of work is needed.
    work = NO_WORK

    def counted(self, attempt: Attempt, check: Callable[[], Answer]) -> Answer | None:
        """The result of `check()`; None and a ValidationError of it count as wrong.

        Raises ValidationError, with `work` set, after too many wrong tries.
        """
        reserved = attempt.reserve()
        if isinstance(reserved, WorkNeeded):
            self.work = work_for(attempt.name_index, times=reserved.times)
            raise ValidationError(
                _("There were many wrong tries. Type it again: a short calculation comes first."),
                code="work",
            )
        try:
            answer = check()
        except ValidationError:
            attempt.log_failure()
            raise
        if answer is None:
            attempt.log_failure()
            return None
        reserved.delete()
        return answer


class LoginForm(CountedForm, AdminAuthenticationForm):
    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        max_length=MOST,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.is_bound:  # the name comes back with the page, the password does not
            self.fields["username"].widget.attrs.pop("autofocus", None)
            self.fields["password"].widget.attrs["autofocus"] = True

    def clean(self) -> dict[str, Any]:
        username = self.cleaned_data.get("username")
        password = self.cleaned_data.get("password")
        if not username or not password:
            return self.cleaned_data
        assert self.request  # passed by Django's LoginView
        attempt = attempt_of(self.request, username, Step.PASSWORD)
        return self.counted(attempt, super().clean) or self.cleaned_data


class CodeForm(CountedForm):
    """A code of the authenticator or a recovery code."""

    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=40,
        help_text=gettext_lazy("Six digits from your app, or one of your recovery codes."),
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "autofocus": True, "autocapitalize": "off"}
        ),
    )

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request
        self.device: Authenticator | RecoveryCodes | None = None

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        user = staff_of(self.request)
        attempt = attempt_of(self.request, user.get_username(), Step.CODE)
        takes_app_codes = attempt.takes_app_codes()
        check = partial(verify_code, user=user, code=code, takes_app_codes=takes_app_codes)
        self.device = self.counted(attempt, check)
        if self.device is None and not takes_app_codes:
            raise ValidationError(
                _(
                    "Too many wrong codes were typed for this account today, by somebody who knows "
                    "its password. In this browser only a recovery code or a passkey counts until "
                    "tomorrow. Change your password as soon as you are in."
                )
            )
        if self.device is None:
            raise ValidationError(_("This code is wrong, was used already, or is too old."))
        return code


class AgainForm(CodeForm):
    """Password and second factor once more, before how the account is signed in to is changed."""

    password = forms.CharField(
        label=gettext_lazy("Your password, again"),
        strip=False,
        max_length=MOST,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )
    field_order = ["password", "code"]

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, request=request, **kwargs)
        del self.fields["code"].widget.attrs["autofocus"]
        # In the sample campaign an account may have none.
        if not has_second_factor(staff_of(request)):
            del self.fields["code"]

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        user = staff_of(self.request)
        attempt = attempt_of(self.request, user.get_username(), Step.PASSWORD)
        if not self.counted(attempt, lambda: user.check_password(password) or None):
            raise ValidationError(_("This is not your password."))
        return password

    def clean_code(self) -> str:
        # A code counts once, so it is not spent beside a wrong password.
        return super().clean_code() if "password" in self.cleaned_data else ""


class PasskeyForm(forms.Form):
    """A new passkey: its name, and what the browser said of it."""

    name = forms.CharField(
        label=gettext_lazy("Name of the passkey"),
        max_length=40,
        help_text=gettext_lazy("So that you know it again: clinic tablet, my phone, blue key."),
    )
    credential = forms.CharField(max_length=8000, widget=forms.HiddenInput, required=False)


class SetUpForm(forms.Form):
    """The first code of a new authenticator, which proves that the app has the key."""

    code = forms.CharField(
        label=gettext_lazy("Code that the app shows now"),
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )

    def __init__(self, *args: Any, key: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.key = key
        self.step: int | None = None

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        self.step = matching_step(self.key, code)
        if self.step is None:
            raise ValidationError(
                _("This is not the code of now. Is the clock of your phone right? Try the next.")
            )
        return code
