from datetime import date

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from database.clock import Now
from eligibility import wordings
from eligibility.enums import REVIEW_MOVES, Correctable, ReviewStatus
from eligibility.exceptions import CorrectionRefused
from eligibility.indexes import identity_indexes, indexes_of
from eligibility.models import Correction, Person
from messaging.enums import Channel
from messaging.services import write_message
from messaging.wordings import render
from web.public import public_url


@transaction.atomic
def ask_correction(*, person: Person, field: Correctable, wanted: str) -> Correction:
    """Ask for a correction of one value; a second request for the field replaces the first."""
    # The lock lets a second request find the first: one open correction per field.
    person = Person.objects.select_for_update(no_key=True).get(pk=person.pk)
    correction = Correction.objects.filter(
        person=person, field=field, status=ReviewStatus.OPEN
    ).first() or Correction(person=person, field=field)
    correction.wanted = wanted
    correction.save()
    return correction


@transaction.atomic
def grant_correction(*, correction: Correction, by: str, answer: str = "") -> Correction:
    """Change the person's value and the blind indexes over it, and notify the person.

    Raises CorrectionRefused if it was closed already, or another person has these details.
    """
    correction = _close(correction, ReviewStatus.GRANTED, by=by, answer=answer)
    person = Person.objects.select_for_update().get(pk=correction.person_id)
    value = correction.wanted
    correction.replaced = str(getattr(person, correction.field))
    correction.save(update_fields=["replaced"])
    setattr(
        person,
        correction.field,
        date.fromisoformat(value) if correction.field == Correctable.BIRTH_DATE else value,
    )
    # roster_digest is not touched: an unchanged row of the next roster would else undo this.
    details = (person.name, person.birth_date, person.phone)
    for name, index in indexes_of(*details).items():
        setattr(person, name, index)
    try:
        # The unique index compares within one index key only.
        others = Person.objects.filter(identity_index__in=identity_indexes(*details))
        if others.exclude(pk=person.pk).exists():
            raise IntegrityError
        # A savepoint, so that the refusal can be raised inside the outer transaction.
        with transaction.atomic():
            person.save()
    except IntegrityError:
        raise CorrectionRefused(
            _("Somebody else has this name, birth date and phone already.")
        ) from None
    _notify(correction, person)
    return correction


@transaction.atomic
def refuse_correction(*, correction: Correction, by: str, answer: str) -> Correction:
    """Close the request unchanged and notify the person. CorrectionRefused if closed already."""
    correction = _close(correction, ReviewStatus.REFUSED, by=by, answer=answer)
    _notify(correction, Person.objects.get(pk=correction.person_id))
    return correction


def _close(correction: Correction, status: ReviewStatus, *, by: str, answer: str) -> Correction:
    corrections = Correction.objects.select_for_update(of=("self",), no_key=True)
    correction = corrections.annotate(now=Now()).get(pk=correction.pk)
    if status not in REVIEW_MOVES.get(correction.status, []):
        raise CorrectionRefused(_("This request was closed already."))
    correction.status, correction.by, correction.answer = status, by, answer
    correction.closed_at = correction.now
    correction.save()
    return correction


def _notify(correction: Correction, person: Person) -> None:
    granted = correction.status == ReviewStatus.GRANTED
    code = wordings.CORRECTED if granted else wordings.NOT_CORRECTED
    # The answer that staff typed stands on the page.
    text = render(code, Channel.SMS, person.language, address=public_url("my_data"))
    write_message(
        key=f"correction:{correction.pk}",
        kind="correction",
        channel=Channel.SMS,
        to=person.phone,
        text=text,
        person_id=person.pk,
    )
