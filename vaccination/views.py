"""Certificates: for their person behind the door of the receipt, and for anybody by code."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from booking.views.common import own_reservation
from vaccination.certificates import find_dose
from vaccination.certificates.pdf import UnprintableName, certificate_pdf
from vaccination.certificates.qr import qr_svg
from vaccination.certificates.texts import certificate_of, proof_of
from vaccination.limits import draws_too_often, verifies_too_often
from vaccination.models import DoseGiven
from web.codes import UnreadableCode, WrongCheckLetter
from web.posted import form_data

View = Callable[..., HttpResponse]


def own_dose(view: View) -> View:
    """Guard: the dose of a reservation that this browser may see; else the lookup or receipt.

    Not a booking page: its time does not count for the pace of the line.
    """

    @never_cache
    @wraps(view)
    def guarded(request: HttpRequest, number: str) -> HttpResponse:
        door = own_reservation(request, number)
        if isinstance(door, HttpResponse):
            return door
        reservation = door["reservation"]
        dose = DoseGiven.objects.with_visit().filter(reservation=reservation).first()
        # Forgotten people have no name that could be certified.
        if dose is None or dose.person.forgotten_at is not None:
            return redirect("reservation", number=reservation.number)
        return view(request, dose)

    return guarded


@require_safe
@own_dose
def certificate(request: HttpRequest, dose: DoseGiven) -> HttpResponse:
    return _certificate_page(request, dose)


def _certificate_page(
    request: HttpRequest, dose: DoseGiven, *, problem: str = "", status: int = 200
) -> HttpResponse:
    content = certificate_of(dose)
    context = {
        "certificate": content,
        "rows": content.rows(),
        "qr": qr_svg(content.address),
        "number": dose.reservation.number,
        "problem": problem,
    }
    return render(request, "vaccination/certificate.html", context, status=status)


@require_safe
@own_dose
def pdf(request: HttpRequest, dose: DoseGiven) -> HttpResponse:
    number = dose.reservation.number
    if draws_too_often(request, number):
        problem = _("This was downloaded many times. Wait ten minutes, or print this page.")
        return _certificate_page(request, dose, problem=problem, status=429)
    try:
        content = certificate_pdf(dose)
    except UnprintableName:
        problem = _("The file can't show a letter of this name. Print this page instead.")
        return _certificate_page(request, dose, problem=problem, status=422)
    response = HttpResponse(content, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="certificate-{number}.pdf"'
    return response


class CodeForm(forms.Form):
    code = forms.CharField(
        label=gettext_lazy("Code of the certificate"),
        max_length=80,
        help_text=gettext_lazy(
            "It is written on the certificate. You can also scan the QR code there."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def verify(request: HttpRequest) -> HttpResponse:
    """The form for a code; its answer, which shows the least that proves a certificate."""
    form = CodeForm(form_data(request))
    if form.is_bound and form.is_valid():
        return _answer(request, form, form.cleaned_data["code"])
    return _verify_page(request, form, status=422 if form.errors else 200)


@never_cache
@require_safe
def verify_code(request: HttpRequest, code: str) -> HttpResponse:
    """The same by the address of the QR code."""
    return _answer(request, CodeForm({"code": code[:80]}), code[:80])


def _answer(request: HttpRequest, form: CodeForm, code: str) -> HttpResponse:
    # Before the look-up: what is refused costs no statement.
    if verifies_too_often(request):
        form.add_error(None, _("Too many codes came from your network. Wait ten minutes."))
        return _verify_page(request, form, status=429)
    try:
        dose = find_dose(code)
    except WrongCheckLetter:
        form.add_error("code", _("A letter or digit of this code is mistyped."))
        return _verify_page(request, form, status=422)
    except UnreadableCode:
        form.add_error("code", _("A code has 29 letters and digits."))
        return _verify_page(request, form, status=422)
    is_valid = dose is not None and dose.person.forgotten_at is None
    return _verify_page(
        request,
        form,
        status=200 if is_valid else 404,
        answered=True,
        rows=proof_of(dose) if dose and is_valid else [],
    )


def _verify_page(
    request: HttpRequest, form: CodeForm, *, status: int, **context: Any
) -> HttpResponse:
    values = {"form": form, "answered": False, "rows": [], **context}
    return render(request, "vaccination/verify.html", values, status=status)
