"""What a log line says of a request that was refused: when, from where, which account."""

import logging
import re

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from config.logs import Caller, MaskedFormatter, MaskPersonalData
from staff.enums import Role
from tests.eligibility.signing_in import sign_in
from tests.factories import ClinicFactory, PersonFactory, StaffFactory

pytestmark = pytest.mark.django_db


def lines(records: list[logging.LogRecord]) -> list[str]:
    """As the console handler of the settings writes them, without the time."""
    handler = settings.LOGGING["handlers"]["console"]
    assert handler["filters"] == ["caller", "personal"]
    for record in records:
        Caller().filter(record)
        MaskPersonalData().filter(record)
    form = settings.LOGGING["formatters"]["plain"]["format"].removeprefix("%(asctime)s ")
    return [MaskedFormatter(form).format(record).splitlines()[0] for record in records]


def test_times_name_their_zone():
    form = settings.LOGGING["formatters"]["plain"]["format"]
    record = logging.LogRecord("x", logging.INFO, "", 0, "said", (), None)

    line = MaskedFormatter(form).format(record)

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00 INFO x said", line)


def test_a_refused_page_of_staff_is_logged_with_address_and_account(client, caplog):
    user = StaffFactory(role=Role.CLINIC, clinic=ClinicFactory(), username="desk")
    client.force_login(user)

    refused = client.get("/admin/eligibility/person/", REMOTE_ADDR="198.51.100.7")

    assert refused.status_code == 403
    assert lines(caplog.records)[-1] == (
        "WARNING django.request Forbidden (Permission denied): /admin/eligibility/person/ "
        f"[from 198.51.100.7, GET, user {user.pk}]"
    )


def test_a_form_without_its_token_is_logged_with_the_address(caplog):
    answer = Client(enforce_csrf_checks=True).post("/identity/", REMOTE_ADDR="2001:db8::5")

    assert answer.status_code == 403
    assert lines(caplog.records)[0] == (
        "WARNING django.security.csrf Forbidden (CSRF cookie not set.): /identity/ "
        "[from 2001:db8::5, POST]"
    )


def test_a_person_is_a_number(client, caplog):
    person = PersonFactory()
    sign_in(client, person)

    client.post("/eligibility/nowhere/review/", {"reason": "other"}, REMOTE_ADDR="198.51.100.7")

    line = lines(caplog.records)[-1]
    assert line.endswith(f"[from 198.51.100.7, POST, person {person.pk}]")
    assert person.name not in line


def test_a_wrong_code_is_logged_without_person_or_code(client, caplog):
    details = {"name": "김하나", "birth_date": "19690512", "phone": "010-1234-5678"}
    client.post(reverse("identity"), details)

    client.post(reverse("identity_code"), {"code": "000000"}, REMOTE_ADDR="198.51.100.7")

    [line] = [line for line in lines(caplog.records) if "sign-in code" in line]
    pattern = (
        r"WARNING eligibility\.views sign-in code refused: WrongCode, from 198\.51\.100\.7, "
        r"try [0-9a-f]{8}"
    )
    assert re.fullmatch(pattern, line)
