"""The questions before a vaccination, answered by their person behind the door of the receipt."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from booking.exceptions import Refused
from booking.models import Reservation
from booking.views.common import own_reservation
from database.clock import known_now
from eligibility.sessions import Session, session_of, signed_in, to_identity
from staff.actors import CITIZEN, is_staff
from vaccination.exceptions import AnsweredByPerson
from vaccination.forms import AnswerForm, page_shown, typed_answers
from vaccination.models import QuestionnaireResponse
from vaccination.questionnaire import Answers, answered, flagged, picked
from vaccination.rules import why_not_answer
from vaccination.services.questionnaires import (
    Version,
    answers_in,
    content_of,
    current_version,
    may_see,
    response_of,
    save_draft,
    send_answers,
    sent_answers,
    withdraw_answers,
)
from vaccination.unsent import keep_unsent, signed_form
from web.language import is_unsent, keeps_typed_in_any_language

View = Callable[..., HttpResponse]


def own_questions(view: View) -> View:
    """Guard: the reservation of the person who is signed in, or for whom a proxy acts.

    Number and phone open the receipt, but not what is said about a person's health: for that the
    phone has to be proved. Not a booking page: its time does not count for the pace of the line.
    """

    @never_cache
    @wraps(view)
    def guarded(request: HttpRequest, number: str) -> HttpResponse:
        door = own_reservation(request, number)
        session = signed_in(request)
        if not isinstance(door, HttpResponse):
            reservation: Reservation = door["reservation"]
            if session and session.person_id == reservation.person_id:
                return view(request, reservation, session)
        if unsent := keep_unsent(request):
            address = reverse("questions", args=[unsent.number])
            return to_identity(f"{address}?change&saved", typed_is_kept=True)
        if isinstance(door, HttpResponse):
            return door
        if session is None:
            return to_identity(reverse("questions", args=[reservation.number]))
        # Signed in as another person in a browser that looked this number up.
        return redirect("reservation", number=reservation.number)

    return guarded


@require_http_methods(["GET", "HEAD", "POST"])
@keeps_typed_in_any_language
@own_questions
def questions(request: HttpRequest, reservation: Reservation, session: Session) -> HttpResponse:
    """The form, or what was answered; POST sends it, or with `draft` saves it for later."""
    response = response_of(reservation)
    refusal = why_not_answer(reservation, at_counter=False, now=known_now())
    if not may_see(response, session.by_id):
        return _closed_page(request, reservation, AnsweredByPerson(), [])
    if request.method == "POST":
        return _posted(request, reservation, session)
    version = current_version()
    if is_unsent(request):
        typed = typed_answers(version.content.items, request.POST.dict())
        return _form_page(request, reservation, response, version, answers=typed)
    sent = sent_answers(response)
    if refusal or (sent is not None and "change" not in request.GET):
        return _answers_page(request, reservation, response, refusal)
    # The draft is newer than what was sent.
    draft = answers_in(response, response.draft)
    answers = draft if draft is not None else sent or {}
    return _form_page(
        request,
        reservation,
        response,
        version,
        answers=picked(version.content.items, answers),
        was_saved="saved" in request.GET,
    )


def _posted(request: HttpRequest, reservation: Reservation, session: Session) -> HttpResponse:
    version = current_version()
    items = version.content.items
    typed = typed_answers(items, request.POST.dict())
    try:
        if "draft" in request.POST:
            save_draft(reservation=reservation, answers=typed, proxy_id=session.by_id)
            address = reverse("questions", args=[reservation.number])
            return redirect(f"{address}?change&saved")
        form = AnswerForm(request.POST, items=items, answers={})
        shown = page_shown(request)
        # Questions that the page did not show can't be missing from it: services refuse the page.
        if shown.version == version.number and not form.is_valid():
            response = response_of(reservation)
            return _form_page(request, reservation, response, version, form=form)
        send_answers(
            reservation=reservation,
            answers=typed,
            shown=shown,
            by=CITIZEN,
            proxy_id=session.by_id,
        )
    except Refused as refusal:
        return _refused_page(request, reservation, typed, refusal)
    return redirect("questions", number=reservation.number)


def _refused_page(
    request: HttpRequest,
    reservation: Reservation,
    typed: Answers,
    refusal: Refused,
) -> HttpResponse:
    """What was typed once more: to be sent again, or to be read where it can't be sent."""
    version = current_version()
    # The refusal may be about what changed since the guard read it.
    reservation.refresh_from_db(fields=["status", "slot", "changed_at"])
    response = response_of(reservation)
    is_blocked = isinstance(refusal, AnsweredByPerson)
    if is_blocked or why_not_answer(reservation, at_counter=False, now=known_now()):
        rows = answered(version.content.items, typed)
        return _closed_page(request, reservation, refusal, rows)
    return _form_page(request, reservation, response, version, answers=typed, refusal=refusal)


@require_http_methods(["GET", "HEAD", "POST"])
@own_questions
def withdraw(request: HttpRequest, reservation: Reservation, session: Session) -> HttpResponse:
    """Deletes the answers; a GET leads to them."""
    if request.method == "POST":
        try:
            withdraw_answers(reservation=reservation, proxy_id=session.by_id)
        except Refused as refusal:
            return _closed_page(request, reservation, refusal, [])
    return redirect("questions", number=reservation.number)


def _form_page(
    request: HttpRequest,
    reservation: Reservation,
    response: QuestionnaireResponse,
    version: Version,
    *,
    form: AnswerForm | None = None,
    answers: Answers | None = None,
    refusal: Refused | None = None,
    was_saved: bool = False,
) -> HttpResponse:
    form = form or AnswerForm(items=version.content.items, answers=answers or {})
    context = {
        "reservation": reservation,
        "title": version.content.title,
        "form": form,
        "typed_form": "questions",
        "version": version.number,
        "revision": response.revision,
        "signed_form": signed_form(reservation, session_of(request)),
        "refusal": refusal,
        "was_saved": was_saved,
        "keep_days": settings.QUESTIONNAIRE_DAYS,
    }
    status = 409 if refusal else 422 if form.errors else 200
    return render(request, "vaccination/questions.html", context, status=status)


def _answers_page(
    request: HttpRequest,
    reservation: Reservation,
    response: QuestionnaireResponse,
    refusal: Refused | None,
) -> HttpResponse:
    """What was sent, or why nothing can be."""
    sent = sent_answers(response)
    if sent is None or response.version is None:
        return _closed_page(request, reservation, refusal or Refused(), [], status=200)
    content = content_of(response.version)
    context = {
        "reservation": reservation,
        "title": content.title,
        "rows": answered(content.items, sent),
        "sent_at": response.sent_at,
        "by_counter": is_staff(response.by),
        "asks_doctor": bool(flagged(content.items, sent)),
        "may_change": refusal is None,
        "refusal": refusal,
        "keep_days": settings.QUESTIONNAIRE_DAYS,
    }
    return render(request, "vaccination/answers.html", context)


def _closed_page(
    request: HttpRequest,
    reservation: Reservation,
    refusal: Refused,
    rows: list[Any],
    *,
    status: int = 409,
) -> HttpResponse:
    """Why nothing can be sent, with what was typed: it can be read out at the counter."""
    context = {"reservation": reservation, "refusal": refusal, "rows": rows}
    return render(request, "vaccination/questions_closed.html", context, status=status)
