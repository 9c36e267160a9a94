"""What a certificate says: in full for its person, and as little as proves it for others."""

from dataclasses import dataclass
from datetime import date

from django.utils import timezone, translation
from django.utils.translation import gettext as _

from vaccination.certificates.codes import code_of
from vaccination.models import DoseGiven
from web.public import public_url


@dataclass(frozen=True)
class Certificate:
    """The content of a certificate."""

    name: str
    birth_date: date
    vaccine: str
    dose: str
    given_on: date
    clinic: str
    lot: str
    code: str
    address: str  # where anybody may verify the code

    def rows(self) -> list[tuple[str, str]]:
        """(label, text) in the active language."""
        return [
            (_("Name"), self.name),
            (_("Date of birth"), self.birth_date.isoformat()),
            (_("Vaccine"), self.vaccine),
            (_("Dose"), self.dose),
            (_("Given on"), self.given_on.isoformat()),
            (_("Clinic"), self.clinic),
            (_("Lot number"), self.lot),
        ]


def certificate_of(dose: DoseGiven) -> Certificate:
    """The certificate of a dose read `with_visit`, in the active language."""
    code = code_of(dose.pk)
    return Certificate(
        name=dose.person.name,
        birth_date=dose.person.birth_date,
        vaccine=dose.vaccine.name,
        dose=f"{dose.dose_number} / {dose.vaccine.doses}",
        given_on=timezone.localdate(dose.given_at),
        clinic=dose.clinic.full_name,
        lot=dose.lot.number if dose.lot else "–",
        code=code,
        address=public_url("certificate_of_code", code),
    )


def proof_of(dose: DoseGiven) -> list[tuple[str, str]]:
    """(label, text) for who verifies a code: enough to compare with a card, and no more."""
    return [
        (_("Name"), masked(dose.person.name)),
        (_("Year of birth"), str(dose.person.birth_date.year)),
        (_("Vaccine"), dose.vaccine.name),
        (_("Dose"), f"{dose.dose_number} / {dose.vaccine.doses}"),
        (_("Given on"), timezone.localdate(dose.given_at).isoformat()),
    ]


def masked(name: str) -> str:
    """A name with its first and, from three letters on, its last letter: 김*희, 김*."""
    if len(name) < 3:
        return f"{name[:1]}*"
    return f"{name[0]}{'*' * (len(name) - 2)}{name[-1]}"


def in_both_languages(dose: DoseGiven) -> list[tuple[str, str, list[str]]]:
    """(Korean label, English label, texts) for a paper that is read abroad too; a text that is
    the same in both languages once."""
    columns = []
    for language in ("ko", "en"):
        with translation.override(language):
            columns.append(certificate_of(dose).rows())
    return [
        (korean, english, list(dict.fromkeys([text, other])))
        for (korean, text), (english, other) in zip(*columns, strict=True)
    ]
