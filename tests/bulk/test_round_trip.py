"""What the portal writes it reads: into an empty one, which then writes the same."""

import io

import frictionless
import pytest
from django.core.management import call_command

from booking.models import Vaccine
from eligibility.models import Person
from tests.bulk.files import cohorts, doses, exported, hours, slots
from tests.emptied_tables import empty_tables
from tests.factories import VaccineFactory

pytestmark = pytest.mark.django_db(transaction=True)
ORDER = ["clinics", "cohorts", "slots", "hours", "doses"]


def roster() -> str:
    people = [
        f"{person.roster_key},{person.name},{person.birth_date},{person.phone},{person.region},"
        f"{person.district}"
        for person in Person.objects.order_by("pk")
    ]
    return "\n".join(["person_id,name,birth_date,phone,region,district", *people]) + "\n"


def test_an_empty_portal_becomes_the_same_by_the_files_of_another(settings, tmp_path):
    settings.HOME = tmp_path
    for scene_of in (cohorts, slots, hours, doses):
        scene_of()
    vaccines = [*Vaccine.objects.values("code", "doses", "min_days", "best_days", "max_days")]
    written = {kind: exported(kind) for kind in ORDER} | {"roster": roster()}
    for kind, content in written.items():
        (tmp_path / f"{kind}.csv").write_text(content, encoding="utf-8-sig")
        report = frictionless.validate(f"{kind}.csv", basepath=str(tmp_path))
        assert report.valid, report.flatten(["note"])

    empty_tables()
    for vaccine in vaccines:  # no file has them
        VaccineFactory(**vaccine)
    for kind in ["roster", *ORDER]:
        call_command(f"import_{kind}", str(tmp_path / f"{kind}.csv"), stdout=io.StringIO())

    assert {kind: exported(kind) for kind in ORDER} | {"roster": roster()} == written
