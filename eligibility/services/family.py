"""Booking for somebody else: asked for, agreed to by the person, limited, and ended by either.

Before the yes nothing of the person is looked up, shown or made: the details are kept as they were
typed, and the answer to asking is the same whomever they fit.
"""

from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from database.clock import Now, database_now
from eligibility.enums import ProxyAnswer
from eligibility.exceptions import DistrictUnclear, ProxyRefused
from eligibility.indexes import phone_index
from eligibility.models import Person, Proxy, ProxyRequest
from eligibility.services.decisions import store_decisions
from eligibility.services.households import lock_phone
from eligibility.services.identity import find_or_declare
from eligibility.spelling import masked_phone, name_key, names_agree
from messaging.enums import Channel
from messaging.services import write_message

# How long somebody has time to say yes.
REQUEST_LIFETIME = timedelta(days=3)
# Asked from one phone in a day, whatever became of it.
REQUESTS_PER_DAY = 6
# One phone gets one such message in this time, whoever asks.
QUIET = timedelta(days=1)


@transaction.atomic
def ask_to_book_for(*, by: Person, name: str, birth_date: date, phone: str) -> ProxyRequest:
    """`by`, whose phone is proven, asks the person with these details for a yes.

    A link goes to the person's phone. Asking again for the same person answers the open request.
    ProxyRefused for oneself, beyond the family's size and beyond a few requests a day.
    """
    # One after the other, so that limits are limits; in one order, so that nobody deadlocks.
    index = phone_index(phone)
    for one in sorted({bytes(by.phone_index), index}):
        lock_phone(one)
    now = database_now()
    if _is_oneself(by, name, birth_date, phone):
        raise ProxyRefused(_("That is yourself. You can book without this."))
    waiting = list(waiting_requests().filter(by=by))
    for request in waiting:
        if (request.birth_date, request.phone) == (birth_date, phone) and name_key(
            request.name
        ) == name_key(name):
            return request
    _refuse_too_many(by, len(waiting), now)
    recent = ProxyRequest.objects.filter(phone_index=index, told_at__gt=now - QUIET)
    # To one's own phone each request may write: a family may share it.
    tells = index == bytes(by.phone_index) or not recent.exists()
    request = ProxyRequest.objects.create(
        by=by,
        name=name,
        birth_date=birth_date,
        phone=phone,
        phone_index=index,
        asked_at=now,
        told_at=now if tells else None,
    )
    if tells:
        _ask_the_person(request)
    return request


def _is_oneself(by: Person, name: str, birth_date: date, phone: str) -> bool:
    return by.phone == phone and by.birth_date == birth_date and names_agree(by.name, name)


def _refuse_too_many(by: Person, waiting: int, now: datetime) -> None:
    today = ProxyRequest.objects.filter(
        by__phone_index=bytes(by.phone_index), asked_at__gt=now - timedelta(days=1)
    )
    if today.count() >= REQUESTS_PER_DAY:
        raise ProxyRefused(_("You tried many times today. Try again tomorrow."))
    if waiting + Proxy.objects.filter(by=by, ended_at=None).count() >= settings.FAMILY_SIZE:
        raise ProxyRefused(
            _("You can book for %(count)s people at most.") % {"count": settings.FAMILY_SIZE}
        )


def waiting_requests() -> QuerySet[ProxyRequest]:
    """Requests that may still be answered."""
    return ProxyRequest.objects.filter(
        answer=ProxyAnswer.WAITING, asked_at__gt=Now() - REQUEST_LIFETIME
    )


def requests_to(person: Person) -> list[ProxyRequest]:
    """Whoever asks to book for this person, by the details they proved."""
    asked = waiting_requests().filter(phone_index=bytes(person.phone_index))
    return [
        request
        for request in asked.exclude(by=person).select_related("by").order_by("pk")
        if request.birth_date == person.birth_date and names_agree(request.name, person.name)
    ]


def _ask_the_person(request: ProxyRequest) -> None:
    address = settings.PUBLIC_URL.rstrip("/") + reverse("family_answer", args=[request.token])
    with translation.override(settings.LANGUAGE_CODE):
        # Nothing that the asking person typed: their words in our name could say anything.
        text = _(
            "[Jari] The phone %(phone)s asks to book a vaccination for you. Yes or no: %(address)s"
        ) % {"phone": masked_phone(request.by.phone), "address": address}
    write_message(
        key=f"proxy:{request.pk}",
        kind="proxy",
        channel=Channel.SMS,
        to=request.phone,
        text=text,
        not_after=request.asked_at + REQUEST_LIFETIME,
    )


@transaction.atomic
def answer_proxy_request(
    *, request: ProxyRequest, yes: bool, by: str, shows_earlier: bool = False
) -> Proxy | None:
    """The person's answer, or the counter's for them, once; the proxy where it is yes.

    `by` is "phone" or "staff:<user id>". `shows_earlier`: what was booked before may be seen.
    """
    request = (
        ProxyRequest.objects.select_for_update(of=("self",), no_key=True)
        .select_related("by")
        .get(pk=request.pk)
    )
    now = database_now()
    if request.answer != ProxyAnswer.WAITING or request.asked_at <= now - REQUEST_LIFETIME:
        raise ProxyRefused(_("This was answered already, or it is too old."))
    if not yes:
        _close(request, ProxyAnswer.NO, by=by, now=now)
        return None
    proxy = _agree(request, by=by, shows_earlier=shows_earlier, now=now)
    _close(request, ProxyAnswer.YES, by=by, now=now)
    return proxy


def _agree(request: ProxyRequest, *, by: str, shows_earlier: bool, now: datetime) -> Proxy:
    # So that two people who are agreed to at once do not pass the family's size.
    Person.objects.select_for_update(no_key=True).get(pk=request.by_id)
    if Proxy.objects.filter(by=request.by, ended_at=None).count() >= settings.FAMILY_SIZE:
        raise ProxyRefused(_("This person books for as many people as one may already."))
    if request.birth_date is None:
        raise ProxyRefused(_("This was answered already, or it is too old."))
    try:
        person = find_or_declare(
            name=request.name, birth_date=request.birth_date, phone=request.phone
        )
    except DistrictUnclear:
        raise ProxyRefused(
            _("These details fit more than one person. The person must sign in without help.")
        ) from None
    if person.pk == request.by_id:
        raise ProxyRefused(_("That is yourself. You can book without this."))
    try:
        with transaction.atomic():
            proxy = Proxy.objects.create(
                person=person,
                by=request.by,
                declared_at=now,
                agreed_by=by,
                shows_earlier=shows_earlier,
            )
    except IntegrityError:
        raise ProxyRefused(
            _("Somebody else books for you. End that first, then say yes.")
        ) from None
    store_decisions(person=person)
    _tell(
        proxy,
        f"proxy-yes:{proxy.pk}",
        gettext_noop(
            "[Jari] The phone %(phone)s books for you from now on. End it on our site at any time."
        ),
    )
    return proxy


def _close(request: ProxyRequest, answer: ProxyAnswer, *, by: str, now: datetime) -> None:
    """With the answer the typed details have done their part."""
    request.answer, request.answered_at, request.answered_by = answer, now, by
    request.name, request.birth_date, request.phone = "", None, ""
    request.save()


@transaction.atomic
def withdraw_proxy_request(*, request: ProxyRequest) -> None:
    """Whoever asked takes it back; repeating it changes nothing."""
    request = ProxyRequest.objects.select_for_update(of=("self",), no_key=True).get(pk=request.pk)
    if request.answer == ProxyAnswer.WAITING:
        _close(request, ProxyAnswer.WITHDRAWN, by="asking", now=database_now())


def forget_old_requests(now: datetime) -> int:
    """Destroy the details of requests that nobody answered in time; how many."""
    old = ProxyRequest.objects.filter(
        answer=ProxyAnswer.WAITING, asked_at__lte=now - REQUEST_LIFETIME
    )
    count = 0
    for request in old.iterator():
        _close(request, ProxyAnswer.WITHDRAWN, by="system", now=now)
        count += 1
    return count


@transaction.atomic
def end_proxy(*, proxy: Proxy, by: Person) -> Proxy:
    """End it, as the person or as the proxy; tickets and reservations stay the person's.

    The proxy's browsers are out at once; the person is told.
    """
    if by.pk not in (proxy.person_id, proxy.by_id):
        raise ProxyRefused(_("Only the two of you can end this."))
    ended = Proxy.objects.filter(pk=proxy.pk, ended_at=None).update(
        ended_at=database_now(), ended_by=by
    )
    proxy.refresh_from_db()
    if ended:
        _tell(
            proxy,
            f"proxy-end:{proxy.pk}",
            gettext_noop("[Jari] The phone %(phone)s does not book for you any more."),
        )
    return proxy


def _tell(proxy: Proxy, key: str, sentence: str) -> None:
    with translation.override(settings.LANGUAGE_CODE):
        text = translation.gettext(sentence) % {"phone": masked_phone(proxy.by.phone)}
    write_message(
        key=key,
        kind="proxy",
        channel=Channel.SMS,
        to=proxy.person.phone,
        text=text,
        person_id=proxy.person_id,
    )
