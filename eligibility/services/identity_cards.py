"""Staff at a counter saw a person's identity card: it proves name and birth date, also of a person
whose phone is another one now or who is not on the roster. No number of a card is stored.
"""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import translation
from django.utils.translation import gettext as _

from database.clock import database_now
from eligibility import hooks, wordings
from eligibility.enums import (
    UNPROVEN,
    Card,
    Correctable,
    ReviewReason,
    ReviewStatus,
    Source,
)
from eligibility.events import card_seen
from eligibility.exceptions import CardRefused, CorrectionRefused, ReviewRefused
from eligibility.indexes import indexes_of, phone_indexes
from eligibility.models import Correction, Decision, Person, ProviderAccount, Proxy, Review
from eligibility.services.corrections import ask_correction, grant_correction
from eligibility.services.decisions import decide, store_decisions
from eligibility.services.households import lock_phones
from eligibility.services.purging import forget
from eligibility.services.reviews import open_review, withdraw_review
from eligibility.services.signing_out import sign_out_everywhere
from eligibility.spelling import names_agree
from events.services import update_and_record
from messaging.enums import Channel
from messaging.services import write_message
from messaging.wordings import render

# What the roster says of a person; it goes with the row that stays when two are joined.
_OF_ROSTER = (
    "roster_key", "roster_digest", "source", "name", "region", "district", "groups", "last_dose_on"
)  # fmt: skip


@dataclass(frozen=True)
class SeenCard:
    """The person's row after the card was seen, and the review that was opened for them."""

    person: Person
    review: Review | None = None
    # Why none could be opened, though one is needed.
    refusal: str = ""


@transaction.atomic
def see_card(*, person: Person, card: Card, by: str, phone: str = "") -> SeenCard:
    """Record that staff saw this person's card; a new `phone` (E.164) becomes theirs.

    A person of the roster is certified from then on. For anybody else the health authority is
    asked. The row of the result is another one where the person had declared themselves with the
    new phone. Raises CardRefused.
    """
    if phone and phone != person.phone:
        person = _move_to_phone(person, phone, by=by)
    event = card_seen(person, card, by=by)
    if person.roster_key is None:
        event.save()
        return SeenCard(person, *_ask_authority(person, card))
    person.certified_at = database_now()
    update_and_record(
        Person.objects.filter(pk=person.pk), {"certified_at": person.certified_at}, event
    )
    store_decisions(person=person)
    return SeenCard(person)


def _ask_authority(person: Person, card: Card) -> tuple[Review | None, str]:
    """A review for the nearest cohort that only lacks the proof, or why there is none."""
    with translation.override(settings.LANGUAGE_CODE):
        note = _("Identity card seen at a counter: %(card)s") % {"card": card.label}
    refusal = ""
    for answer in decide(person=person):
        if answer.eligible or answer.rule not in UNPROVEN:
            continue
        try:
            review = open_review(
                person=person, cohort=answer.cohort, reason=ReviewReason.IDENTITY, note=note
            )
        except ReviewRefused as refused:
            refusal = refusal or str(refused)
        else:
            return review, ""
    return person.reviews.filter(status=ReviewStatus.OPEN).first(), refusal


def _move_to_phone(person: Person, phone: str, *, by: str) -> Person:
    """Give the person a new phone; tickets and appointments stay theirs."""
    lock_phones(person.phone, phone)
    with_phone = Q(pk=person.pk) | Q(phone_index__in=phone_indexes(phone))
    rows = Person.objects.select_for_update().filter(with_phone).order_by("pk")
    locked = {row.pk: row for row in rows}
    person = locked.pop(person.pk)
    old_phone, now = person.phone, database_now()
    for other in locked.values():
        if other.birth_date == person.birth_date and names_agree(other.name, person.name):
            person = _join(person, other, now)
    if person.phone == phone:  # the row that was declared with the new phone has stayed
        Correction.objects.create(
            person=person,
            field=Correctable.PHONE,
            wanted=phone,
            replaced=old_phone,
            status=ReviewStatus.GRANTED,
            closed_at=now,
            by=by,
        )
    else:
        _correct_phone(person, phone, by=by)
    _tell_old_phone(person, old_phone, now)
    return Person.objects.get(pk=person.pk)


def _correct_phone(person: Person, phone: str, *, by: str) -> None:
    correction = ask_correction(person=person, field=Correctable.PHONE, wanted=phone)
    try:
        grant_correction(correction=correction, by=by)
    except CorrectionRefused as refusal:
        raise CardRefused(str(refusal)) from refusal
    # The old phone may be lost: who has it shall not act for the person.
    sign_out_everywhere(person.pk)


def _join(person: Person, other: Person, now: datetime) -> Person:
    """One row of two of the same person, with what the roster says of either.

    The row with tickets or appointments stays. Raises CardRefused if both have some, or both are
    on the roster.
    """
    held = _holders([person.pk, other.pk])
    if len(held) > 1:
        raise CardRefused(
            _(
                "This person has a place in a line or an appointment with each of the two phone "
                "numbers. Nothing was changed: both stay. Open each of them by its phone."
            )
        )
    if person.roster_key and other.roster_key:
        raise CardRefused(
            _("Another person of the roster has this name, birth date and phone. Choose them.")
        )
    other_stays = other.pk in held or (not held and other.roster_key is not None)
    lasting, merged = (other, person) if other_stays else (person, other)
    _move_decisions(merged, lasting)
    ProviderAccount.objects.filter(person=merged).update(person=lasting)
    for review in Review.objects.filter(person=merged, status=ReviewStatus.OPEN):
        withdraw_review(review=review)
    facts = {name: getattr(merged, name) for name in _OF_ROSTER}
    forget([merged.pk], now=now)  # frees the roster's key and the index of the identity
    if facts["source"] == Source.ROSTER:
        for name, value in facts.items():
            setattr(lasting, name, value)
        for name, index in indexes_of(lasting.name, lasting.birth_date, lasting.phone).items():
            setattr(lasting, name, index)
    lasting.certified_at = lasting.certified_at or merged.certified_at
    lasting.save()
    return lasting


def _holders(people: list[int]) -> set[int]:
    """Those of these people who have something that must not be lost."""
    held = {pk for find in hooks.holders for pk in find(people)}
    proxies = Proxy.objects.filter(ended_at=None)
    return held.union(
        proxies.filter(person__in=people).values_list("person_id", flat=True),
        proxies.filter(by__in=people).values_list("by_id", flat=True),
    )


def _move_decisions(merged: Person, lasting: Person) -> None:
    """A yes that either row was told stays a yes."""
    for decision in Decision.objects.filter(person=merged, eligible=True, provisional=False):
        own = Decision.objects.filter(person=lasting, cohort=decision.cohort_id)
        if own.filter(eligible=True, provisional=False).exists():
            continue
        own.delete()
        decision.person = lasting
        decision.save(update_fields=["person"])


def _tell_old_phone(person: Person, old_phone: str, now: datetime) -> None:
    text = render(wordings.OTHER_PHONE, Channel.SMS, person.language)
    write_message(
        key=f"phone:{person.pk}:{now.timestamp():.6f}",
        kind="phone",
        channel=Channel.SMS,
        to=old_phone,
        text=text,
        person_id=person.pk,
    )
