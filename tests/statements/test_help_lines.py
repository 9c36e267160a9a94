"""The numbers to call: set by the authority, the reader's own region first."""

from datetime import time

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from statements.models import HelpLine
from tests.eligibility.signing_in import sign_in
from tests.factories import PersonFactory
from tests.markup import flat
from tests.statements.test_pages import of_role

pytestmark = pytest.mark.django_db

VALUES = {
    "region": "부산광역시",
    "name_ko": "부산 콜센터",
    "name_en": "Busan call centre",
    "number": "051-120",
    "days": "workdays",
    "opens_at": "09:00",
    "closes_at": "18:00",
    "relay": "107",
    "active": "on",
}


@pytest.fixture
def lines():
    for region, name, number in [
        ("부산광역시", "Busan call centre", "051-120"),
        ("", "KDCA call centre", "1339"),
        ("서울특별시", "Dasan call centre", "02-120"),
    ]:
        HelpLine.objects.create(
            region=region, name_ko=f"{name} 한국어", name_en=name, number=number
        )


def page_of(person, language: str = "en") -> str:
    client = Client(headers={"accept-language": language})
    if person:
        sign_in(client, person)
    return flat(client.get("/help/"))


def in_order(page: str, *parts: str) -> bool:
    places = [page.index(part) for part in parts]
    return places == sorted(places)


def test_the_own_region_comes_first_then_the_country_then_the_others(lines):
    page = page_of(PersonFactory(region="부산광역시", district="중구"))

    assert in_order(page, "<h3>Busan", "<h3>Whole country", "Numbers of other", "<h3>Seoul")


@pytest.mark.parametrize("region", ["", "제주특별자치도"])
def test_without_a_number_of_their_own_region_readers_see_the_country_first(lines, region):
    person = PersonFactory(region=region, district="제주시") if region else None

    page = page_of(person)

    assert in_order(page, "<h3>Whole country", "Numbers of other", "<h3>Seoul", "<h3>Busan")
    assert "<h3>Jeju" not in page


def test_a_number_is_dialled_and_says_when_it_answers(lines):
    HelpLine.objects.filter(number="051-120").update(
        opens_at=time(9), closes_at=time(18, 30), relay="107"
    )
    HelpLine.objects.filter(number="02-120").update(days="all")
    person = PersonFactory(region="부산광역시", district="중구")

    english, korean = page_of(person), page_of(person, "ko")

    assert '<a class="jari-link" href="tel:051-120">051-120</a>' in english
    assert "Monday to Friday, 09:00–18:30" in english
    assert "Every day, day and night" in english
    assert english.count('href="tel:107"') == 1
    assert "월요일부터 금요일까지, 오전 9:00–오후 6:30" in korean
    assert "Busan call centre 한국어" in korean


def test_a_hidden_number_and_a_page_without_numbers_show_none(lines):
    HelpLine.objects.update(active=False)

    page = page_of(None)

    assert "051-120" not in page
    assert "Numbers to call" not in page


def test_an_ended_session_is_nobody(lines):
    person = PersonFactory(region="부산광역시", district="중구")
    client = Client(headers={"accept-language": "en"})
    sign_in(client, person)
    client.post(reverse("identity_sign_out"))

    assert in_order(flat(client.get("/help/")), "<h3>Whole country", "<h3>Seoul", "<h3>Busan")


def test_only_the_authority_sets_them_and_the_history_holds_the_old_number():
    add = reverse("admin:statements_helpline_add")
    refused = of_role("local", region="부산광역시").post(add, VALUES)
    authority = of_role("authority")
    authority.post(add, VALUES)
    row = HelpLine.objects.get()
    change = reverse("admin:statements_helpline_change", args=[row.pk])

    authority.post(change, VALUES | {"number": "051-121"})

    assert refused.status_code == 403
    numbers = row.events.order_by("pgh_id").values_list("number", flat=True)
    assert list(numbers) == ["051-120", "051-121"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"number": "call me"},
        {"number": "javascript:1"},
        {"relay": "<b>"},
        {"region": "Atlantis"},
        {"opens_at": "18:00", "closes_at": "09:00"},
        {"opens_at": "", "closes_at": "09:00"},
    ],
    ids=str,
)
def test_what_can_not_be_is_refused(wrong):
    page = of_role("authority").post(reverse("admin:statements_helpline_add"), VALUES | wrong)

    assert page.status_code == 200
    assert "errorlist" in page.content.decode()
    assert not HelpLine.objects.exists()


@pytest.mark.parametrize("wrong", [{"opens_at": time(9)}, {"region": "Atlantis"}], ids=str)
def test_the_database_refuses_it_too(wrong):
    row = HelpLine(name_ko="전화", name_en="Call", number="1339", **wrong)

    with pytest.raises(ValidationError):
        row.full_clean()
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save()
