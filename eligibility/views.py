import logging
from collections.abc import Callable
from functools import lru_cache, partial, wraps
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from eligibility import hooks, limits, provider_flow
from eligibility.code_pages import (
    code_page,
    code_was_refused,
    code_was_sent,
    following_of,
    open_attempt,
    welcome,
)
from eligibility.enums import ReviewStatus
from eligibility.exceptions import DistrictUnclear, LimitReached, Refusal, WorkNeeded
from eligibility.forms import (
    CodeForm,
    CorrectionForm,
    DistrictForm,
    IdentityForm,
    ReviewForm,
)
from eligibility.models import Cohort, Person, PhoneCode, Review
from eligibility.pages import eligibility_page
from eligibility.providers import configured
from eligibility.services import corrections, decisions, providing
from eligibility.services.identity import (
    check_code,
    choose_district,
    resend_code,
    start_verification,
)
from eligibility.services.reviews import open_review, withdraw_review
from eligibility.services.signing_out import sign_out_everywhere
from eligibility.sessions import (
    end_session,
    person_of,
    session_of,
    sign_out,
    signed_in,
    to_identity,
)
from eligibility.spelling import shown_phone
from messaging.budget import codes_are_above_budget
from messaging.enums import Channel
from staff.models import Access
from standing.facts import PersonFacts
from standing.hooks import facts_of, show
from web import moulds
from web.language import keeps_typed_in_any_language, typed
from web.posted import form_data
from web.proof_of_work import NO_WORK, was_done, work_for

log = logging.getLogger(__name__)

View = Callable[..., HttpResponse]


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@keeps_typed_in_any_language
def identity(request: HttpRequest) -> HttpResponse:
    """Identity page: name, birth date and phone. A valid POST sends a code to the phone."""
    following = following_of(request)
    if request.method != "POST":
        initial = provider_flow.typed_before(request) | typed(request, *IdentityForm.base_fields)
        extra = {"form": IdentityForm(initial=initial), "next": following}
        return _identity_page(request, extra | {"typed_is_kept": "kept" in request.GET})
    if request.POST.get("provider") in configured():
        return provider_flow.leave(request, request.POST["provider"], following)
    form = IdentityForm(request.POST)
    extra = {"form": form, "next": following}
    if not form.is_valid():
        return _identity_page(request, extra, status=422)
    details = {key: form.cleaned_data[key] for key in ("name", "birth_date", "phone")}
    # Cached: a proof of work counts once, and two limits may ask for it in this request.
    has_worked = lru_cache(partial(was_done, request, details["phone"]))
    try:
        busy = limits.address_is_busy(request) or codes_are_above_budget()
        if busy and not has_worked():
            raise WorkNeeded
        challenge = start_verification(
            **details,
            by_voice=form.cleaned_data.get("by") == Channel.VOICE,
            source=limits.source_of(request, details["phone"]),
            has_worked=has_worked,
        )
    except WorkNeeded:
        return _identity_page(request, extra | work_for(details["phone"]), status=422)
    except LimitReached as refusal:
        form.add_error("phone", str(refusal))
        return _identity_page(request, extra, status=429)
    return code_was_sent(challenge, following)


def _identity_page(
    request: HttpRequest, extra: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    lights = providing.lights()
    context = {
        **NO_WORK,
        "typed_is_kept": False,
        **extra,
        "typed_form": "identity",
        "lights": lights if len(lights) > 1 else [],
        "provider_problem": provider_flow.problem(request),
    }
    return render(request, "eligibility/identity.html", context, status=status)


@never_cache
@require_GET
def identity_provider(request: HttpRequest, code: str) -> HttpResponse:
    """Redirect target of a provider: signs in, or leads to the filled-in identity page."""
    if code not in configured():
        raise Http404
    return provider_flow.come_back(request, code)


@never_cache
@require_GET
def identity_wait(request: HttpRequest, code: str) -> HttpResponse:
    """While a provider takes its time."""
    if code not in configured():
        raise Http404
    return provider_flow.wait(request, code)


def _remembered(request: HttpRequest) -> tuple[PhoneCode | None, str]:
    """The browser's open sign-in attempt and the address to continue at; (None, "") without."""
    key, following = open_attempt(request)
    return (PhoneCode.objects.filter(pk=key).first() if key else None), following


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@keeps_typed_in_any_language
def identity_code(request: HttpRequest) -> HttpResponse:
    """Page for the six-digit code; a right one signs the browser in."""
    challenge, following = _remembered(request)
    if challenge is None:
        # A repeated POST whose first answer got lost: the first one has signed in.
        return redirect("eligibility" if signed_in(request) else "identity")
    if request.method != "POST":
        initial = typed(request, "code")
        return code_page(request, challenge, CodeForm(initial=initial) if initial else None)
    if "resend" in request.POST:
        return _resend(request, challenge)
    form = CodeForm(request.POST)
    if not form.is_valid():
        return code_page(request, challenge, form, status=422)
    try:
        person = check_code(challenge=challenge, code=form.cleaned_data["code"])
    except DistrictUnclear:
        response = redirect("identity_district")
        # A provider's identity of an earlier attempt must not be combined with this code.
        provider_flow.forget(response)
        return response
    except Refusal as refusal:
        return code_was_refused(request, challenge, form, refusal)
    return welcome(request, person, challenge, following)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@keeps_typed_in_any_language
def identity_district(request: HttpRequest) -> HttpResponse:
    """District page: shown after the proof, if several people share all other details."""
    challenge, following = _remembered(request)
    vouched = provider_flow.phone_vouched_for(request)
    proved = challenge if challenge and challenge.awaits_district else None
    if not vouched and proved is None:
        return redirect("identity")
    form = DistrictForm(form_data(request), initial=typed(request, "home"))
    status = 422 if form.is_bound else 200
    phone = vouched or (proved.phone if proved else "")
    if form.is_valid() and limits.names_districts_too_often(request, phone):
        form.add_error("home", _("You tried many times. Try again in ten minutes."))
        status = 429
    elif form.is_valid():
        home = form.cleaned_data["home"]
        try:
            if vouched or proved is None:
                return provider_flow.with_district(request, home)
            person = choose_district(challenge=proved, home=home)
            return welcome(request, person, proved, following)
        except DistrictUnclear as unclear:
            form.add_error("home", str(unclear))
    context = {"form": form, "typed_form": "district"}
    return render(request, "eligibility/identity_district.html", context, status=status)


def _resend(request: HttpRequest, challenge: PhoneCode) -> HttpResponse:
    try:
        resend_code(challenge=challenge)
    except Refusal as refusal:
        return code_page(request, challenge, refusal=str(refusal), status=429)
    return redirect("identity_code")


def acts(*, page: str) -> Callable[[View], View]:
    """Only a POST reaches the view; a GET, as from a bookmark, is redirected to `page`."""

    def decorate(view: View) -> View:
        @require_http_methods(["GET", "HEAD", "POST"])
        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            return view(request, *args, **kwargs) if request.method == "POST" else redirect(page)

        return checked

    return decorate


@acts(page="home")
def identity_sign_out(request: HttpRequest) -> HttpResponse:
    """Sign this browser out, or all of the person's. Tickets and reservations stay."""
    session = signed_in(request)
    if session and "everywhere" in request.POST:
        sign_out_everywhere(session.by_id or session.person_id)
    elif session:
        end_session(session)
    log.info(
        "signed out %s",
        "everywhere" if "everywhere" in request.POST else "here",
        extra={"request": request},
    )
    response = redirect("home")
    sign_out(response)
    # Cached pages and half-typed forms go, for the next user of a shared computer. Not "cookies":
    # the language and tickets that were resumed by their code don't belong to the sign-in.
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


def asks(view: View) -> View:
    """Passes the signed-in person to the view; other visitors go to the identity page and back."""

    @never_cache
    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        person = person_of(request)
        if person is None:
            # A POST can't be repeated after the redirect; its own address may refuse a GET.
            back = request.path if request.method in ("GET", "HEAD") else reverse("eligibility")
            return to_identity(back)
        return view(request, person, *args, **kwargs)

    return checked


@require_GET
@asks
def eligibility(request: HttpRequest, person: Person) -> HttpResponse:
    """The person's decision for each cohort, with window and reasons."""
    answers = decisions.store_decisions(person=person)
    session = session_of(request)
    reviews = [
        review
        for review in person.reviews.select_related("cohort").order_by("-pk")
        if session.may_see(review.opened_at)
    ]
    facts = facts_of(person.pk, session.sees_from)
    return page_of_answers(request, person, answers, reviews, facts)


def page_of_answers(
    request: HttpRequest,
    person: Person,
    answers: list[decisions.Answer],
    reviews: list[Review],
    facts: PersonFacts,
) -> HttpResponse:
    """The eligibility page; config.own_pages shows it too."""
    context = eligibility_page(person, answers, reviews, facts, show(request, facts))
    return moulds.render(request, "eligibility/eligibility.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@keeps_typed_in_any_language
@asks
def review(request: HttpRequest, person: Person, code: str) -> HttpResponse:
    """Form to ask for a review of one decision."""
    cohort = get_object_or_404(Cohort, code=code)
    form = ReviewForm(
        form_data(request),
        initial=typed(request, "reason", "note"),
    )
    refusal = ""
    if form.is_bound and form.is_valid():
        try:
            open_review(person=person, cohort=cohort, **form.cleaned_data)
        except Refusal as reason:
            refusal = str(reason)
        else:
            return redirect("eligibility")
    context = {"form": form, "typed_form": "review", "cohort": cohort, "refusal": refusal}
    status = 409 if refusal else 422 if form.is_bound else 200
    return render(request, "eligibility/review.html", context, status=status)


@acts(page="eligibility")
@asks
def review_withdraw(request: HttpRequest, person: Person, code: str) -> HttpResponse:
    """Withdraw the open review; repeating it changes nothing."""
    review = person.reviews.filter(cohort__code=code, status=ReviewStatus.OPEN).first()
    if review:
        withdraw_review(review=review)
    return redirect("eligibility")


@require_http_methods(["GET", "HEAD", "POST"])
@keeps_typed_in_any_language
@asks
def my_data(request: HttpRequest, person: Person) -> HttpResponse:
    """Stored data of the person, staff accesses to it, and a form to ask for a correction."""
    # Not for proxies: it shows more than booking needs.
    if session_of(request).by_id:
        return redirect("eligibility")
    form = CorrectionForm(
        form_data(request),
        initial=typed(request, "field", "wanted"),
    )
    if form.is_bound and form.is_valid():
        corrections.ask_correction(person=person, **form.cleaned_data)
        return redirect("my_data")
    context = {
        "form": form,
        "typed_form": "correction",
        "person": person,
        "phone": shown_phone(person.phone),
        "decisions": person.decisions.select_related("cohort").order_by("pk"),
        "corrections": person.corrections.order_by("-pk"),
        "accesses": Access.objects.of_person(person.pk, large=False)
        .select_related("user")
        .order_by("-at")[:20],
        "keep_days": settings.KEEP_DAYS,
        "held": [section for held in hooks.held_data for section in held(person.pk)],
    }
    return render(
        request, "eligibility/my_data.html", context, status=422 if form.is_bound else 200
    )
