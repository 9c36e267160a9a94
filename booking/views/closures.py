"""The page on which a person moved by a closure chooses another time."""

import uuid
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from booking.enums import ClosureAnswer
from booking.exceptions import Refused
from booking.models import ClosureOffer
from booking.services import closure_answers
from booking.services.closure_messages import promise_to, sentence_of
from database.clock import known_now
from web.posted import posted_id


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def closure_offer(request: HttpRequest, token: uuid.UUID) -> HttpResponse:
    """Show the times kept for a person, or take their answer; the secret address is enough.

    The message with it went to the person's phone only. After the answer the page shows no time:
    the reservation opens for its person, or by number and phone.
    """
    offer = _offer(token)
    if request.method != "POST":
        return _show(request, offer)
    slot_id = posted_id(request, "slot")
    chosen = ClosureAnswer.CHOSE if slot_id is not None else request.POST.get("answer", "")
    if chosen not in ClosureAnswer.values:
        return _show(request, offer, Refused(_("Choose a time.")), status=422)
    try:
        closure_answers.answer(token=token, answer=ClosureAnswer(chosen), slot_id=slot_id)
    except Refused as refusal:
        return _show(request, _offer(token), refusal, status=409)
    return redirect("closure_offer", token=token)


def _offer(token: uuid.UUID) -> ClosureOffer:
    offer = closure_answers.find_offer(token)
    if offer is None:
        raise Http404
    return offer


def _show(
    request: HttpRequest, offer: ClosureOffer, refusal: Refused | None = None, status: int = 200
) -> HttpResponse:
    is_open = closure_answers.is_open(offer, known_now())
    context: dict[str, Any] = {
        "offer": offer,
        "reservation": offer.affected.reservation,
        "open": is_open,
        "choices": closure_answers.open_choices(offer) if is_open else [],
        "until": offer.affected.closure.answer_until,
        "refusal": refusal,
        "why": sentence_of(offer.affected),
        "title": _("Your clinic cannot vaccinate") if is_open else _heading(offer),
        "result": "" if is_open else _result(offer),
    }
    return render(request, "booking/closure_offer.html", context, status=status)


def _heading(offer: ClosureOffer) -> str:
    return _("Thank you for your answer") if offer.answer else _("The time to choose is over")


def _result(offer: ClosureOffer) -> str:
    if offer.answer == ClosureAnswer.KEPT:
        return _("Your appointment stands at the new time.")
    if offer.answer == ClosureAnswer.CHOSE:
        return _("Your appointment was moved to the time you chose.")
    if offer.answer == ClosureAnswer.DECLINED:
        return f"{_('Your appointment was cancelled.')} {promise_to(offer.affected.reservation)}"
    return _("Your appointment is shown under your reservations. You can change it there.")
