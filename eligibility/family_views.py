"""Views for booking for another person: request, answer, act as proxy, and end it."""

from functools import wraps
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from eligibility.enums import ProxyAnswer
from eligibility.exceptions import Refusal
from eligibility.forms import WardForm
from eligibility.models import Person, Proxy, ProxyRequest
from eligibility.services.family import (
    answer_proxy_request,
    ask_to_book_for,
    end_proxy,
    requests_to,
    waiting_requests,
    withdraw_proxy_request,
)
from eligibility.sessions import Claim, claim_of, find_session, session_of, sign_in, signed_in
from eligibility.spelling import masked_phone
from eligibility.views import View, acts, asks
from web.language import keeps_typed_in_any_language, typed
from web.posted import form_data


def asks_oneself(view: View) -> View:
    """Passes the signed-in person; a proxy who acts for another person is sent back.

    Otherwise acting for one person would open the way to that person's own wards and proxies.
    """

    @asks
    @wraps(view)
    def checked(request: HttpRequest, person: Person, *args: Any, **kwargs: Any) -> HttpResponse:
        session = signed_in(request)
        if session is None or session.by_id:
            return redirect("eligibility")
        return view(request, person, *args, **kwargs)

    return checked


@require_http_methods(["GET", "HEAD", "POST"])
@keeps_typed_in_any_language
@asks_oneself
def family(request: HttpRequest, person: Person) -> HttpResponse:
    """Lists wards, open requests and proxies of the person; POST asks for a new ward."""
    form = WardForm(
        form_data(request),
        initial=typed(request, *WardForm.base_fields),
    )
    refusal = ""
    if form.is_bound and form.is_valid():
        details = {key: form.cleaned_data[key] for key in ("name", "birth_date", "phone")}
        try:
            ask_to_book_for(by=person, **details)
        except Refusal as reason:
            refusal = str(reason)
        else:
            return redirect("family")
    return _family_page(request, person, form=form, refusal=refusal)


def _family_page(
    request: HttpRequest, person: Person, *, form: WardForm | None = None, refusal: str = ""
) -> HttpResponse:
    live = Proxy.objects.filter(ended_at=None)
    sent = waiting_requests().filter(by=person).order_by("pk")
    proxies = live.filter(person=person).select_related("by")
    form = form or WardForm()
    context = {
        "form": form,
        "typed_form": "ward",
        "refusal": refusal,
        "wards": live.filter(by=person).select_related("person").order_by("pk"),
        "asked": sent,
        "proxies": [(proxy, masked_phone(proxy.by.phone)) for proxy in proxies],
        "asking": [(received, masked_phone(received.by.phone)) for received in requests_to(person)],
        "most": settings.FAMILY_SIZE,
    }
    status = 409 if refusal else 422 if form.is_bound else 200
    return render(request, "eligibility/family.html", context, status=status)


MAY_BOOK = gettext_lazy("May somebody book for you?")
REQUEST_ENDED = gettext_lazy("This request has ended")
ANSWER_HEADLINES = {
    ProxyAnswer.YES: gettext_lazy("You said yes"),
    ProxyAnswer.NO: gettext_lazy("You said no"),
}


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def family_answer(request: HttpRequest, token: UUID) -> HttpResponse:
    """Answer page of a proxy request. Its secret token was sent to the ward's phone alone, so no
    sign-in is needed."""
    proxy_request = get_object_or_404(ProxyRequest.objects.select_related("by"), token=token)
    refusal = ""
    if request.method == "POST" and request.POST.get("answer") in ("yes", "no"):
        try:
            answer_proxy_request(
                request=proxy_request,
                yes=request.POST["answer"] == "yes",
                by="phone",
                shows_earlier="earlier" in request.POST,
            )
        except Refusal as reason:
            refusal = str(reason)
        else:
            return redirect("family_answer", token=token)
    is_open = waiting_requests().filter(pk=proxy_request.pk).exists()
    answered = ANSWER_HEADLINES.get(ProxyAnswer(proxy_request.answer), REQUEST_ENDED)
    context = {
        "asked": proxy_request,
        "open": is_open,
        "headline": MAY_BOOK if is_open else answered,
        "agreed": proxy_request.answer == ProxyAnswer.YES,
        # Of the typed details only the birth date is shown: free text could carry a message to the
        # ward in the portal's name.
        "phone": masked_phone(proxy_request.by.phone),
        "refusal": refusal,
    }
    return render(request, "eligibility/answer_proxy.html", context, status=409 if refusal else 200)


@acts(page="family")
@asks_oneself
def family_reply(request: HttpRequest, person: Person, pk: int) -> HttpResponse:
    """Answer to a proxy request by the signed-in ward, whose phone is proven."""
    proxy_request = next(
        (candidate for candidate in requests_to(person) if candidate.pk == pk), None
    )
    if proxy_request is None:
        return redirect("family")
    try:
        answer_proxy_request(
            request=proxy_request,
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
    """Withdraw an unanswered request."""
    proxy_request = get_object_or_404(ProxyRequest, pk=pk, by=person)
    withdraw_proxy_request(request=proxy_request)
    return redirect("family")


@acts(page="family")
@asks_oneself
def family_act(request: HttpRequest, person: Person, pk: int) -> HttpResponse:
    """Sign this browser in as the ward, with the person as proxy."""
    session = session_of(request)
    proxy = get_object_or_404(Proxy, pk=pk, by=person, ended_at=None)
    response = redirect("eligibility")
    sign_in(
        response,
        person_id=proxy.person_id,
        by_id=person.pk,
        # The proxy's own proof of identity: acting for a ward must not prolong it.
        verified_at=session.verified_at,
    )
    return response


@acts(page="family")
def family_back(request: HttpRequest) -> HttpResponse:
    """Sign the proxy in as themselves again, also when the ward has ended the proxy meanwhile."""
    # Of the cookie the proxy's own part is asked for: the session for the ward may have ended.
    claim = claim_of(request)
    response = redirect("family")
    if claim and claim.by_id:
        own = find_session(Claim(claim.by_id, claim.verified_at, claim.by_generation))
        if own:
            sign_in(response, person_id=own.person_id, verified_at=own.verified_at, has_acted=True)
    return response


@acts(page="family")
@asks_oneself
def family_end(request: HttpRequest, person: Person, pk: int) -> HttpResponse:
    """End a proxy, as the ward or as the proxy."""
    proxy = get_object_or_404(Proxy.objects.filter(Q(person=person) | Q(by=person)), pk=pk)
    end_proxy(proxy=proxy, by=person)
    return redirect("family")
