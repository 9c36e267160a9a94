"""What the pages weigh on the wire: the compressed answer and the style sheets that it links."""

import gzip
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.http import HttpResponse
from django.test import Client
from whitenoise.compress import Compressor

from booking.services.holds import hold_slot
from standing.states import State
from tests.eligibility.signing_in import sign_in
from tests.factories import (
    AdmissionFactory,
    ClinicFactory,
    CohortFactory,
    RoomFactory,
    SlotFactory,
)
from tests.standing.scenes import SCENES
from web.compression import PageCompressionMiddleware

LANGUAGES = [code for code, _name in settings.LANGUAGES]
STYLE = re.compile(r'<link\s+rel="stylesheet"\s+href="/static/([^"]+)"')
FONT = settings.BASE_DIR / "static/vendor/krds/fonts/Pages-Bold.woff2"


def browser(language: str, person=None) -> Client:
    client = Client(headers={"accept-language": language, "accept-encoding": "gzip, deflate, br"})
    if person:
        sign_in(client, person)
    return client


def weight(response: HttpResponse) -> int:
    assert response["Content-Encoding"] == "gzip"
    html = gzip.decompress(response.content).decode()
    names = STYLE.findall(html)
    assert names[0] == "jari/jari.css"
    sheets = [Path(finders.find(name)).read_bytes() for name in names]
    return len(response.content) + sum(len(Compressor.compress_brotli(css)) for css in sheets)


def campaign() -> None:
    CohortFactory(closed=True)
    CohortFactory(soon=True)
    RoomFactory(gathering=True)


@pytest.mark.django_db
@pytest.mark.parametrize("language", LANGUAGES)
def test_home_identity_and_eligibility_weigh_less_than_fifteen_kilobytes(language):
    campaign()
    person = SCENES[State.WAITING]().person
    stranger, known = browser(language), browser(language, person)

    pages = {
        "home": stranger.get("/"),
        "home of a person in line": known.get("/"),
        "identity": stranger.get("/identity/"),
        "eligibility": known.get("/eligibility/"),
    }

    weights = {name: weight(response) for name, response in pages.items()}
    print(language, weights)  # noqa: T201
    assert {name: size for name, size in weights.items() if size >= 15_000} == {}


@pytest.mark.django_db
@pytest.mark.parametrize("language", LANGUAGES)
def test_finder_with_ten_clinics_weighs_less_than_25_kilobytes_and_confirm_than_15(language):
    first = SlotFactory()
    for clinic in [first.clinic, *ClinicFactory.create_batch(9)]:
        for times in range(1, 7):
            SlotFactory(clinic=clinic, starts_at=first.starts_at + timedelta(minutes=10 * times))
    admission = AdmissionFactory()
    client = browser(language, admission.ticket.person)

    finder = client.get("/booking/")
    hold_slot(person_id=admission.ticket.person_id, slot_id=first.pk, admission_id=admission.pk)
    confirm = client.get("/booking/confirm/")

    assert gzip.decompress(finder.content).decode().count("booking-clinic") == 10
    weights = {"finder": weight(finder), "confirm": weight(confirm)}
    print(language, weights)  # noqa: T201
    assert confirm.status_code == 200
    assert weights["finder"] < 25_000
    assert weights["confirm"] < 15_000


def test_one_font_is_enough_and_never_waited_for():
    sheet = (settings.BASE_DIR / "static/jari/jari.css").read_text(encoding="utf-8")

    faces = re.findall(r"@font-face\{([^}]*)\}", sheet)

    assert len(faces) == 1
    assert "font-display:optional" in faces[0]
    assert FONT.name in faces[0]
    assert FONT.stat().st_size <= 40_000


@pytest.mark.django_db
def test_equal_pages_have_unequal_sizes():
    client = browser("ko")

    sizes = {len(client.get("/how/").content) for _ in range(20)}

    assert PageCompressionMiddleware.max_random_bytes >= 100
    assert len(sizes) > 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("site", "coding"),
    [("none", "gzip"), ("same-origin", "gzip"), ("same-site", ""), ("cross-site", "")],
)
def test_a_page_that_another_site_asks_for_is_not_compressed(site, coding):
    response = browser("ko").get("/identity/", headers={"sec-fetch-site": site})

    assert (response.status_code, response.get("Content-Encoding", "")) == (200, coding)


@pytest.mark.django_db
def test_pages_of_staff_are_not_compressed():
    response = browser("ko").get("/admin/login/")

    assert (response.status_code, response.get("Content-Encoding")) == (200, None)
