"""Booking for somebody else: declared, limited, on record, and the person can take it back."""

from datetime import date

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from database.clock import known_today
from eligibility.exceptions import DistrictUnclear, ProxyRefused
from eligibility.models import Person, Proxy
from eligibility.services.decisions import store_decisions
from eligibility.services.identity import find_or_declare
from messaging.enums import Channel
from messaging.services import write_message


@transaction.atomic
def declare_proxy(*, by: Person, name: str, birth_date: date, phone: str) -> Proxy:
    """`by`, whose phone is proven, books for the person with these details from now on.

    The person is told by message. Nothing in the answer shows whether the roster knows them.
    """
    # One after the other, so that the limit is one.
    by = Person.objects.select_for_update(no_key=True).get(pk=by.pk)
    try:
        person = find_or_declare(name=name, birth_date=birth_date, phone=phone)
    except DistrictUnclear:
        raise ProxyRefused(
            _("These details fit more than one person. The person must sign in without help.")
        ) from None
    if person.pk == by.pk:
        raise ProxyRefused(_("That is yourself. You can book without this."))
    mine = Proxy.objects.filter(by=by, ended_at=None)
    known = mine.filter(person=person).first()
    if known:
        return known
    if mine.count() >= settings.FAMILY_SIZE:
        raise ProxyRefused(
            _("You can book for %(count)s people at most.") % {"count": settings.FAMILY_SIZE}
        )
    try:
        with transaction.atomic():
            proxy = Proxy.objects.create(person=person, by=by)
    except IntegrityError:
        raise ProxyRefused(
            _("Somebody else books for this person. The person can end that with their own phone.")
        ) from None
    store_decisions(person=person)
    write_message(
        # One for each day: ended and declared anew, it could be sent any number of times.
        key=f"proxy:{person.pk}:{known_today()}",
        kind="proxy",
        channel=Channel.SMS,
        to=person.phone,
        # No name: it is free text of another person, and would be read as our word.
        text=_(
            "[Jari] A person declared to book a vaccination for you. If that is wrong, confirm who "
            "you are on our site and end it there."
        ),
        person_id=person.pk,
    )
    return proxy


def end_proxy(*, proxy: Proxy, by: Person) -> Proxy:
    """End it, as the person or as the proxy; tickets and reservations stay the person's."""
    if by.pk not in (proxy.person_id, proxy.by_id):
        raise ProxyRefused(_("Only the two of you can end this."))
    Proxy.objects.filter(pk=proxy.pk, ended_at=None).update(ended_at=timezone.now(), ended_by=by)
    proxy.refresh_from_db()
    return proxy
