"""Booking for somebody else: asking for it, answering, acting, and ending it."""

from functools import wraps
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from eligibility import services
from eligibility.enums import ProxyAnswer
from eligibility.exceptions import Refusal
from eligibility.forms import WardForm
from eligibility.models import Person, Proxy, ProxyRequest
from eligibility.sessions import COOKIE, Who, is_current, read_cookie, sign_in, signed_in, who_of
from eligibility.spelling import masked_phone
from eligibility.views import View, acts, asks
from web.language import keeps_typed_in_any_language, typed


def asks_oneself(view: View) -> View:
    """The person who is signed in, and acts for nobody: acting for one person opens no way to those
    for whom that person acts, nor to who acts for them."""

    @asks
    @wraps(view)
    def checked(request: HttpRequest, person: Person, *args: Any, **kwargs: Any) -> HttpResponse:
        who = signed_in(request)
        if who is None or who.by_id:
            return redirect("eligibility")
        return view(request, person, *args, **kwargs)

    return checked


@require_http_methods(["GET", "HEAD", "POST"])
@keeps_typed_in_any_language
@asks_oneself
def family(request: HttpRequest, person: Person) -> HttpResponse:
    """Whom one books for, who has not said yes yet, and who books for oneself."""
    form = WardForm(
        request.POST if request.method == "POST" else None,
        initial=typed(request, *WardForm.base_fields),
    )
    refusal = ""
    if form.is_bound and form.is_valid():
        details = {key: form.cleaned_data[key] for key in ("name", "birth_date", "phone")}
        try:
            services.ask_to_book_for(by=person, **details)
        except Refusal as reason:
            refusal = str(reason)
        else:
            return redirect("family")
    return _family_page(request, person, form=form, refusal=refusal)


def _family_page(
    request: HttpRequest, person: Person, *, form: WardForm | None = None, refusal: str = ""
) -> HttpResponse:
    live = Proxy.objects.filter(ended_at=None)
    asked = services.waiting_requests().filter(by=person).order_by("pk")
    proxies = live.filter(person=person).select_related("by")
    form = form or WardForm()
    context = {
        "form": form,
        "typed_form": "ward",
        "refusal": refusal,
        "wards": live.filter(by=person).select_related("person").order_by("pk"),
        "asked": asked,
        "proxies": [(proxy, masked_phone(proxy.by.phone)) for proxy in proxies],
        "asking": [(one, masked_phone(one.by.phone)) for one in services.requests_to(person)],
        "most": settings.FAMILY_SIZE,
    }
    status = 409 if refusal else 422 if form.is_bound else 200
    return render(request, "eligibility/family.html", context, status=status)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def family_answer(request: HttpRequest, token: UUID) -> HttpResponse:
    """Yes or no, by the address that went to the phone of the person alone."""
    asked = get_object_or_404(ProxyRequest.objects.select_related("by"), token=token)
    refusal = ""
    if request.method == "POST" and request.POST.get("answer") in ("yes", "no"):
        try:
            services.answer_proxy_request(
                request=asked,
                yes=request.POST["answer"] == "yes",
                by="phone",
                shows_earlier="earlier" in request.POST,
            )
        except Refusal as reason:
            refusal = str(reason)
        else:
            return redirect("family_answer", token=token)
    open_ = services.waiting_requests().filter(pk=asked.pk).exists()
    context = {
        "asked": asked,
        "open": open_,
        "agreed": asked.answer == ProxyAnswer.YES,
        # The birth date alone of what was typed: it can say nothing but a day.
        "phone": masked_phone(asked.by.phone),
        "refusal": refusal,
    }
    return render(request, "eligibility/answer_proxy.html", context, status=409 if refusal else 200)


@acts(page="family")
@asks_oneself
def family_reply(request: HttpRequest, person: Person, pk: int) -> HttpResponse:
    """Yes or no by the person who is signed in; their phone is proven."""
    asked = next((one for one in services.requests_to(person) if one.pk == pk), None)
    if asked is None:
        return redirect("family")
    try:
        services.answer_proxy_request(
            request=asked,
            yes=request.POST.get("answer") == "yes",
            by="phone",
            shows_earlier="earlier" in request.POST,
        )
    except Refusal as reason:
        return _family_page(request, person, refusal=str(reason))
    return redirect("family")


@acts(page="family")
@asks_oneself
def family_withdraw(request: HttpRequest, person: Person, pk: int) -> HttpResponse:
    """Take back a request that nobody has answered."""
    asked = get_object_or_404(ProxyRequest, pk=pk, by=person)
    services.withdraw_proxy_request(request=asked)
    return redirect("family")


@acts(page="family")
@asks_oneself
def family_act(request: HttpRequest, person: Person, pk: int) -> HttpResponse:
    """Go on as somebody one books for."""
    who = who_of(request)
    proxy = get_object_or_404(Proxy, pk=pk, by=person, ended_at=None)
    response = redirect("eligibility")
    sign_in(
        response,
        person_id=proxy.person_id,
        by_id=person.pk,
        verified_at=who.verified_at if who else None,
    )
    return response


@acts(page="family")
def family_back(request: HttpRequest) -> HttpResponse:
    """Be oneself again: back to who signed in, also where acting has been ended meanwhile."""
    who = read_cookie(request.COOKIES.get(COOKIE, ""))
    response = redirect("family")
    if who and who.by_id and is_current(Who(who.by_id, who.verified_at, who.by_generation)):
        sign_in(response, person_id=who.by_id, verified_at=who.verified_at)
    return response


@acts(page="family")
@asks_oneself
def family_end(request: HttpRequest, person: Person, pk: int) -> HttpResponse:
    """End booking for somebody, or take it back from somebody."""
    proxy = get_object_or_404(Proxy.objects.filter(Q(person=person) | Q(by=person)), pk=pk)
    services.end_proxy(proxy=proxy, by=person)
    return redirect("family")
