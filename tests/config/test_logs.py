"""What a log line says of a request that was refused: when, from where, which account."""

import json
import logging
import os
import re
import subprocess
import sys

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from config import views
from config.logs import Caller, MaskedFormatter, MaskPersonalData
from eligibility.models import Person
from staff.enums import Role
from tests.eligibility.signing_in import sign_in
from tests.eligibility.test_pages import last_code
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


def logged(code: str, **more: str) -> list[str]:
    """What a process of the portal logs."""
    done = subprocess.run(
        [sys.executable, "-c", f"import logging, config, django; django.setup(); {code}"],
        cwd=settings.BASE_DIR,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings.test", **more},
        capture_output=True,
        text=True,
        check=True,
    )
    return (done.stdout + done.stderr).splitlines()


BREAKS = """
from django.test import RequestFactory
try:
    raise ValueError("kim@example.org\\nERROR root forged")
except ValueError:
    request = RequestFactory().post("/", REMOTE_ADDR="198.51.100.7")
    extra = {"request": request}
    log = logging.getLogger("django.request")
    log.error("Broken: %s", "010-1234-5678", exc_info=True, extra=extra)
"""


def test_a_line_may_be_a_json_object_of_the_common_schema():
    [line] = logged(f"exec({BREAKS!r})", JARI_LOG_FORMAT="json")

    entry = json.loads(line)
    trace = entry.pop("error.stack_trace")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00", entry.pop("@timestamp"))
    assert entry.pop("process.pid") > 0
    assert entry == {
        "log.level": "error",
        "log.logger": "django.request",
        "message": "Broken: … [from 198.51.100.7, POST]",
        "source.ip": "198.51.100.7",
        "http.request.method": "POST",
        "error.type": "ValueError",
        "ecs.version": "8.11.0",
    }
    assert trace.startswith("Traceback")
    assert "kim@example.org" not in trace


def test_another_format_stops_the_start_with_a_sentence():
    with pytest.raises(subprocess.CalledProcessError) as stopped:
        logged("", JARI_LOG_FORMAT="xml")

    assert "JARI_LOG_FORMAT: write plain or json." in stopped.value.stderr


def test_lines_of_the_web_server_are_as_all_others():
    [line] = logged(
        "from config.serve import server_logging;"
        "from granian.log import LogLevels, configure_logging;"
        "configure_logging(LogLevels.warning, server_logging());"
        "logging.getLogger('_granian').warning('Worker of 010-1234-5678 died')"
    )

    assert re.fullmatch(r"[\d-]+T[\d:.]+\+00:00 WARNING _granian Worker of … died", line)


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
        r"WARNING eligibility\.code_pages sign-in code refused: WrongCode, from 198\.51\.100\.7, "
        r"try [0-9a-f]{8}"
    )
    assert re.fullmatch(pattern, line)


def test_signing_in_and_out_is_logged_with_the_number_of_the_person(client, caplog):
    details = {"name": "김하나", "birth_date": "19690512", "phone": "010-1234-5678"}
    with caplog.at_level(logging.INFO):
        client.post(reverse("identity"), details)
        client.post(reverse("identity_code"), {"code": last_code()}, REMOTE_ADDR="198.51.100.7")
        client.post(reverse("identity_sign_out"), REMOTE_ADDR="198.51.100.7")

    number = Person.objects.get().pk
    assert [line for line in lines(caplog.records) if "signed" in line] == [
        f"INFO eligibility.sessions signed in: person {number} by phone code "
        "[from 198.51.100.7, POST]",
        f"INFO eligibility.views signed out here [from 198.51.100.7, POST, person {number}]",
    ]


def test_an_unexpected_error_is_logged_with_its_traceback_and_masked(client, caplog, monkeypatch):
    def breaks() -> str:
        raise ValueError("010-1234-5678")

    monkeypatch.setitem(views.PARTS, "redis", breaks)
    client.raise_request_exception = False

    answer = client.get("/readyz", REMOTE_ADDR="198.51.100.7")

    [record] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert answer.status_code == 500
    assert b"ValueError" not in answer.content
    text = MaskedFormatter("%(levelname)s %(name)s %(message)s").format(record)
    assert text.startswith("ERROR django.request Internal Server Error: /readyz")
    assert text.endswith("ValueError: …")
