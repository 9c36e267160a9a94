"""Booking for another person: request, consent, limits, and the end of it.

Before the consent no person is looked up or created: the details are stored as typed, and the
response to a request is the same whether they fit a person or not.
"""

from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from database.clock import Now, database_now
from eligibility import wordings
from eligibility.enums import ProxyAnswer
from eligibility.exceptions import DistrictUnclear, ProxyRefused
from eligibility.indexes import phone_index, phone_indexes
from eligibility.models import Person, Proxy, ProxyRequest
from eligibility.services.decisions import store_decisions
from eligibility.services.households import lock_phones
from eligibility.services.identity import find_or_declare
from eligibility.spelling import masked_phone, name_key, names_agree
from messaging.enums import Channel
from messaging.services import write_message
from messaging.wordings import render
from staff.actors import SYSTEM
from web.public import public_url

# How long a request can be answered.
REQUEST_LIFETIME = timedelta(days=3)
# Requests from one phone in 24 hours, whatever their answers.
REQUESTS_PER_DAY = 6
# One phone gets one such message in this time, from all who ask together.
QUIET = timedelta(days=1)


@transaction.atomic
def ask_to_book_for(*, by: Person, name: str, birth_date: date, phone: str) -> ProxyRequest:
    """`by`, whose phone is proven, asks the person with these details for consent.

    A link goes to the person's phone. A repeated request returns the open one. Raises ProxyRefused
    for oneself, beyond FAMILY_SIZE and beyond REQUESTS_PER_DAY.
    """
    # Serializes requests from and to a phone, so that the limits hold.
    lock_phones(by.phone, phone)
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
    recent = ProxyRequest.objects.filter(
        phone_index__in=phone_indexes(phone), told_at__gt=now - QUIET
    )
    # The asking phone itself is exempt: a family may share it, and it can't pester a stranger.
    sends_message = phone == by.phone or not recent.exists()
    request = ProxyRequest.objects.create(
        by=by,
        name=name,
        birth_date=birth_date,
        phone=phone,
        phone_index=phone_index(phone),
        asked_at=now,
        told_at=now if sends_message else None,
    )
    if sends_message:
        _send_answer_link(request)
    return request


def _is_oneself(by: Person, name: str, birth_date: date, phone: str) -> bool:
    return by.phone == phone and by.birth_date == birth_date and names_agree(by.name, name)


def _refuse_too_many(by: Person, waiting: int, now: datetime) -> None:
    today = ProxyRequest.objects.filter(
        by__phone_index__in=phone_indexes(by.phone), asked_at__gt=now - timedelta(days=1)
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
    """Open requests to book for this person, matched by the details that the person proved."""
    to_phone = waiting_requests().filter(phone_index__in=phone_indexes(person.phone))
    # Name and birth date are encrypted, so the few requests to one phone are compared here.
    return [
        request
        for request in to_phone.exclude(by=person).select_related("by").order_by("pk")
        if request.birth_date == person.birth_date and names_agree(request.name, person.name)
    ]


def _language_of_phone(phone: str) -> str:
    """The language of the people of this phone; the default if it has none yet, or several."""
    people = Person.objects.filter(phone_index__in=phone_indexes(phone), forgotten_at=None)
    languages = set(people.values_list("language", flat=True))
    return languages.pop() if len(languages) == 1 else settings.LANGUAGE_CODE


def _send_answer_link(request: ProxyRequest) -> None:
    text = render(
        wordings.PROXY_ASKED,
        Channel.SMS,
        _language_of_phone(request.phone),
        phone=masked_phone(request.by.phone),
        address=public_url("family_answer", request.token),
    )
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
    """Record the answer to a request, once; returns the new Proxy after a yes, else None.

    `by` is "phone" or "staff:<user id>". With `shows_earlier` the proxy also sees earlier bookings.
    Raises ProxyRefused if it was answered, is too old, or the yes can't be carried out.
    """
    # The lock makes the answer of the phone and that of the counter one after the other.
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
    # Locks the proxy's row: two wards who agree at once must not exceed FAMILY_SIZE.
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
        # A savepoint: the unique index one_live_proxy_per_person may refuse the row.
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
    _notify_ward(proxy, f"proxy-yes:{proxy.pk}", wordings.PROXY_BEGAN, address=public_url("family"))
    return proxy


def _close(request: ProxyRequest, answer: ProxyAnswer, *, by: str, now: datetime) -> None:
    """Store the answer and destroy the typed details, which are not needed any more."""
    request.answer, request.answered_at, request.answered_by = answer, now, by
    request.name, request.birth_date, request.phone = "", None, ""
    request.save()


@transaction.atomic
def withdraw_proxy_request(*, request: ProxyRequest) -> None:
    """Withdraw an unanswered request; repeating it changes nothing."""
    request = ProxyRequest.objects.select_for_update(of=("self",), no_key=True).get(pk=request.pk)
    if request.answer == ProxyAnswer.WAITING:
        _close(request, ProxyAnswer.WITHDRAWN, by="asking", now=database_now())


def forget_old_requests(now: datetime) -> int:
    """Close requests that were not answered in time, with their details; returns how many."""
    old = ProxyRequest.objects.filter(
        answer=ProxyAnswer.WAITING, asked_at__lte=now - REQUEST_LIFETIME
    )
    count = 0
    for request in old.iterator():
        _close(request, ProxyAnswer.WITHDRAWN, by=SYSTEM, now=now)
        count += 1
    return count


@transaction.atomic
def end_proxy(*, proxy: Proxy, by: Person) -> Proxy:
    """End a proxy, as the ward or as the proxy; tickets and reservations stay the ward's.

    It takes effect at the proxy's next request; the ward gets a message. Raises ProxyRefused for
    anybody else.
    """
    if by.pk not in (proxy.person_id, proxy.by_id):
        raise ProxyRefused(_("Only the two of you can end this."))
    ended = Proxy.objects.filter(pk=proxy.pk, ended_at=None).update(
        ended_at=database_now(), ended_by=by
    )
    proxy.refresh_from_db()
    if ended:
        _notify_ward(proxy, f"proxy-end:{proxy.pk}", wordings.PROXY_ENDED)
    return proxy


def _notify_ward(proxy: Proxy, key: str, code: str, **values: str) -> None:
    language = proxy.person.language
    text = render(code, Channel.SMS, language, phone=masked_phone(proxy.by.phone), **values)
    write_message(
        key=key,
        kind="proxy",
        channel=Channel.SMS,
        to=proxy.person.phone,
        text=text,
        person_id=proxy.person_id,
    )
