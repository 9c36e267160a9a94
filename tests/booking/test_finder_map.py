"""The map of the finder, its content without the page around it, and what a clinic's page says."""

import json
from datetime import date, time, timedelta

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse
from environ import Env

from booking.finder import availability
from booking.finder.map import Place, map_of_districts
from booking.models import OpeningHours, SeatsLeft, SpecialDay
from booking.services.line_reports import report_to_lines
from config.settings.finder import directions
from database.clock import known_today
from dataio.districts import all_districts, centre_of
from tests.booking.test_path import page, slots_on
from tests.factories import ClinicFactory, SlotFactory

pytestmark = pytest.mark.django_db

SEOUL = "서울특별시"


def places(response) -> dict[str, int | None]:
    return {tile.place.name: tile.place.left for tile in response.context["map"].tiles}


def test_the_map_says_what_is_left_in_each_region_and_the_list_says_the_same(inside):
    SlotFactory(capacity=3)
    SlotFactory(capacity=40, clinic=ClinicFactory(region="부산광역시", district="중구"))
    SlotFactory(full=True, clinic=ClinicFactory(region="제주특별자치도", district="제주시"))
    report_to_lines()
    availability.clear_caches()

    shown = inside.get(reverse("booking"), {"choose": "1"})

    assert places(shown) == {SEOUL: 3, "부산광역시": 40, "제주특별자치도": 0}
    links = page(shown)
    for tile in shown.context["map"].tiles:
        assert links.count(f'href="/booking/?{tile.place.query}"') == 2
    assert ("Jeju" in links, "40 places left" in links) == (True, True)
    SeatsLeft.objects.update(at="2026-01-01T00:00Z")
    availability.clear_caches()
    old = inside.get(reverse("booking"), {"choose": "1"})
    assert set(places(old).values()) == {None}
    assert "places left" not in page(old)


def test_districts_lie_as_their_offices_do():
    names = ["강남구", "도봉구", "강서구", "강동구", "송파구"]

    tiles = {tile.place.name: tile for tile in map_of_districts(SEOUL, _places(names)).tiles}

    assert tiles["도봉구"].y < tiles["송파구"].y
    assert tiles["강서구"].x < tiles["강동구"].x
    assert len({(tile.x, tile.y) for tile in tiles.values()}) == len(names)
    assert map_of_districts(SEOUL, []).tiles == []


def _places(names: list[str]) -> list[Place]:
    return [Place(name, name, "", 1) for name in names]


def test_the_browser_looks_up_the_same_districts_as_the_server():
    stored = json.loads((settings.BASE_DIR / "static/jari/districts.json").read_text("utf-8"))

    assert stored == {
        f"{place.region} {place.district}": [
            round(degrees, 2) for degrees in centre_of(place.region, place.district)
        ]
        for place in all_districts()
    }


def test_the_same_address_answers_its_content_alone(inside):
    slot = SlotFactory()
    address = reverse("booking")

    whole = inside.get(address)
    alone = inside.get(address, headers={"X-Jari-Part": "content"})
    nothing = inside.get(address, {"name": "없는"}, headers={"X-Jari-Part": "content"})

    assert slots_on(whole) == slots_on(alone) == [slot.pk]
    assert ("<header" in page(whole), "<header" in page(alone)) == (True, False)
    assert len(alone.content) < len(whole.content)
    assert alone.headers["X-Jari-Part"] == nothing.headers["X-Jari-Part"] == "content"
    assert "X-Jari-Part" in whole.headers["Vary"]
    assert "X-Jari-Part" not in whole.headers


def test_the_page_of_a_clinic_has_its_hours_and_the_way_there(inside, settings):
    settings.DIRECTIONS = [
        {"ko": "지도", "en": "Map", "url": "https://map.example.org/?q={address}&z=1"}
    ]
    slot = SlotFactory()
    clinic, today = slot.clinic, known_today()
    lunch = {"lunch_from": time(12, 30), "lunch_to": time(13, 30)}
    for weekday in (0, 1, 2, 5):
        OpeningHours.objects.create(
            clinic=clinic,
            weekday=weekday,
            vaccine=slot.vaccine,
            opens=time(9),
            closes=time(13 if weekday == 5 else 18),
            minutes=10,
            capacity=1,
            **({} if weekday == 5 else lunch),
        )
    SpecialDay.objects.create(clinic=clinic, on=today + timedelta(days=3))
    SpecialDay.objects.create(clinic=clinic, on=date(today.year + 1, 12, 31))

    shown = inside.get(reverse("clinic", args=[clinic.code]))

    hours = shown.context["hours"]
    assert hours.lines == [
        ("Monday–Wednesday", "09:00–18:00 (lunch 12:30–13:30)"),
        ("Saturday", "09:00–13:00"),
    ]
    assert hours.exceptions == [(today + timedelta(days=3), "closed")]
    assert 'href="https://map.example.org/?q=%EC%84%9C%EC%9A%B8' in page(shown)


@pytest.mark.parametrize(
    "wrong",
    [
        '{"ko": "x"}',
        '[{"ko": "지도", "en": "Map", "url": "http://map.example.org/{address}"}]',
        '[{"ko": "지도", "en": "Map", "url": "https://map.example.org/"}]',
        '[{"ko": "지도", "en": "Map", "url": "https://{address}/"}]',
        '[{"ko": "지도", "url": "https://map.example.org/{address}"}]',
    ],
)
def test_a_map_that_cannot_be_linked_stops_the_start(monkeypatch, wrong):
    monkeypatch.setenv("JARI_DIRECTIONS", wrong)

    with pytest.raises(ImproperlyConfigured, match="JARI_DIRECTIONS"):
        directions(Env())


def test_near_a_region_is_near_its_districts(inside):
    far = SlotFactory(clinic=ClinicFactory(region="부산광역시", district="해운대구"))
    home = SlotFactory()

    assert slots_on(inside.get(reverse("booking"), {"near": "부산"})) == [far.pk, home.pk]
