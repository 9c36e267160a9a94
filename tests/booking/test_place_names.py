"""Names of clinics for people who do not read Korean: English, with the Korean name beside it."""

import io
from datetime import time

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone, translation

from booking.areas import district_key
from booking.models import Clinic
from booking.place_names import full_name
from booking.services.notices import line_of, render_confirmed
from booking.services.offers import Preferences, join_list
from tests.booking.test_path import page
from tests.factories import ClinicFactory, ReservationFactory, SlotFactory
from web.marking import marked

pytestmark = pytest.mark.django_db

BOTH = 'Hangang Clinic<span lang="ko">한강의원</span>'  # flat, as `page` makes it


@pytest.fixture
def clinic():
    return ClinicFactory(name="한강의원", name_en="Hangang Clinic")


@pytest.mark.parametrize(
    ("language", "plain"),
    [
        ("ko", "한강의원"),
        ("en", "Hangang Clinic (한강의원)"),
        ("zh-hans", "Hangang Clinic (한강의원)"),
        ("vi", "Hangang Clinic (한강의원)"),
    ],
)
def test_messages_have_the_name_that_is_read_and_the_one_that_is_written_there(
    clinic, language, plain
):
    reservation = ReservationFactory(slot=SlotFactory(clinic=clinic))
    reservation.language = language
    reservation.save()
    key = f"confirmed:{reservation.number}"

    text = render_confirmed([key])[key].text

    assert plain in text
    assert text.count("한강의원") == 1
    with translation.override(language):
        assert plain in line_of(reservation)
        assert full_name(clinic) == plain


@pytest.mark.parametrize("language", ["en", "zh-hans", "vi"])
def test_finder_and_clinic_show_both_names_and_mark_what_is_korean(inside, clinic, language):
    SlotFactory(clinic=clinic)
    inside.cookies["jari_language"] = language

    found = page(inside.get(reverse("booking"), {"region": "서울특별시", "district": "강남구"}))
    shown = page(inside.get(reverse("clinic", args=[clinic.code])))
    named = page(inside.get(reverse("booking"), {"name": "hangang"}))

    pages = {"found": found, "shown": shown, "named": named}
    assert [name for name, html in pages.items() if BOTH not in html] == []
    address = f'<span lang="ko">{clinic.address}</span>'
    assert [name for name, html in pages.items() if address not in html] == []


@pytest.mark.parametrize(
    ("language", "on_tile", "on_list"),
    [("ko", ">강남구</text>", "서울특별시 강남구"), ("vi", ">Gangnam</text>", "Seoul Gangnam-gu")],
)
def test_districts_on_the_map_and_the_list_are_named_for_their_reader(
    inside, clinic, language, on_tile, on_list
):
    SlotFactory(clinic=clinic, full=True)
    SlotFactory(clinic=ClinicFactory(district="송파구"))
    inside.cookies["jari_language"] = language
    today = timezone.localdate()

    tiles = page(inside.get(reverse("booking"), {"region": "서울특별시"}))
    join_list(
        person_id=inside.admission.ticket.person_id,
        admission_id=inside.admission.pk,
        dose=1,
        preferences=Preferences(
            [district_key("서울특별시", "강남구")], (today, today), (time(0), time(23, 59))
        ),
    )
    waits = inside.get(reverse("cancellation_list"))

    assert on_tile in tiles
    assert waits.context["entries"][0]["places"] == [on_list]


def test_readers_of_korean_see_the_korean_name_alone(inside, clinic):
    SlotFactory(clinic=clinic)
    inside.cookies["jari_language"] = "ko"
    shown = page(inside.get(reverse("clinic", args=[clinic.code])))
    assert "<h1>한강의원</h1>" in shown
    assert "Hangang" not in shown


def test_marking_takes_stretches_of_korean_and_escapes_the_rest():
    with translation.override("en"):
        assert marked("<b> 서울특별시 강남구 테헤란로 12, Seoul & 2층 (별관)") == (
            '&lt;b&gt; <span lang="ko">서울특별시 강남구 테헤란로 12</span>, Seoul &amp; 2'
            '<span lang="ko">층 (별관)</span>'
        )
    with translation.override("ko"):
        assert marked("<b> 서울") == "&lt;b&gt; 서울"


def test_the_file_of_clinics_brings_english_names_and_keeps_those_it_does_not_have(
    clinic, tmp_path
):
    def load(text: str) -> None:
        file = tmp_path / "clinics.csv"
        file.write_text(text, encoding="utf-8")
        call_command("import_clinics", str(file), stdout=io.StringIO())

    header = "code,name,region,district,address"
    row = f"{clinic.code},한강의원,서울특별시,강남구,서울특별시 강남구 시험로 1"
    load(f"{header}\n{row}\n")
    assert Clinic.objects.get().name_en == "Hangang Clinic"
    load(f"{header},name_en\n{row},Han River Clinic\n")
    assert Clinic.objects.get().name_en == "Han River Clinic"
    load(f"{header},name_en\n{row},\n")
    assert Clinic.objects.get().name_en == ""


@pytest.mark.parametrize("name", ["한강 Clinic", "<b>x</b>", "Clinic\nx", "http://evil.example?x"])
def test_an_english_name_is_in_latin_letters(clinic, name):
    clinic.name_en = name
    with pytest.raises(ValidationError):
        clinic.full_clean()
