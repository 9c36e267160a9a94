"""What is held about a person's vaccinations, for their page "What is held about me"."""

from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from eligibility.hooks import HeldData
from vaccination.models import DoseGiven, NotDone, QuestionnaireResponse, Reaction


def held_data(person_id: int) -> list[HeldData]:  # of eligibility.hooks.held_data
    sections = [
        HeldData(_("Vaccinations"), _vaccinations(person_id)),
        HeldData(_("Questions before the vaccination"), _responses(person_id)),
    ]
    return [section for section in sections if section.texts]


def _vaccinations(person_id: int) -> list[str]:
    """Doses, visits without one, and reactions, each in the order of recording."""
    doses = DoseGiven.objects.with_visit().filter(reservation__person=person_id).order_by("pk")
    given = [
        _("Dose %(dose)s, %(day)s: %(vaccine)s, lot %(lot)s, %(clinic)s")
        % {
            "dose": dose.dose_number,
            "day": _day(dose.given_at),
            "vaccine": dose.vaccine.name,
            "lot": dose.lot.number if dose.lot else "–",
            "clinic": dose.clinic.full_name,
        }
        for dose in doses
    ]
    without = NotDone.objects.filter(reservation__person=person_id).order_by("pk")
    reactions = Reaction.objects.filter(reservation__person=person_id).order_by("pk")
    return [
        *given,
        *(f"{_day(row.at)}: {row.get_reason_display()}" for row in without),
        *(f"{_day(row.observed_at)}: {row.get_manifestation_display()}" for row in reactions),
    ]


def _responses(person_id: int) -> list[str]:
    rows = QuestionnaireResponse.objects.filter(reservation__person=person_id)
    return [
        _response(row) for row in rows.select_related("reservation__slot").order_by("reservation")
    ]


def _response(row: QuestionnaireResponse) -> str:
    """Whether answers are held, and until when; the answers stand on their own page."""
    values = {
        "number": row.reservation.shown_number,
        "until": _day(row.reservation.slot.starts_at + timedelta(days=settings.QUESTIONNAIRE_DAYS)),
    }
    if row.content is not None:
        return _("Reservation %(number)s: answers, held until %(until)s") % values
    if row.draft is not None:
        return _("Reservation %(number)s: a draft, held until %(until)s") % values
    if row.is_on_paper:
        return _("Reservation %(number)s: answered on paper at the clinic") % values
    return _("Reservation %(number)s: answers were deleted") % values


def _day(at: datetime) -> str:
    return date_format(timezone.localtime(at), _("j F Y"))
