"""Too many messages: nothing is kept back, but it costs whoever asks, and the operator knows."""

import logging
from datetime import date, timedelta

import pytest
from django.core.cache import caches
from django.core.exceptions import ImproperlyConfigured
from django.db.models import F

from config.settings.base import message_budgets
from eligibility.models import PhoneCode
from eligibility.services import identity
from messaging import budget
from messaging.models import Message, Spending
from staff.enums import Role
from tests.factories import StaffFactory

pytestmark = pytest.mark.django_db

TYPED = {"name": "김하나", "birth_date": "19690512", "phone": "010-1234-5678"}


@pytest.fixture(autouse=True)
def small_budgets(settings):
    settings.MESSAGE_BUDGETS = {"code": (2, 4), "other": (100, 100)}
    settings.MESSAGE_COST = 20.0
    caches["local"].clear()


def codes(count: int) -> None:
    for number in range(count):
        identity.start_verification(
            name="김하나", birth_date=date(1969, 5, 12), phone=f"+8210{number:08}"
        )


def test_kinds_are_counted_by_hour_and_day(settings):
    codes(3)
    Message.objects.filter(pk=Message.objects.first().pk).update(
        created_at=F("created_at") - timedelta(hours=2)
    )

    above = budget.count()

    assert above == []
    assert budget.usage_by_kind() == [budget.KindUsage("code", 2, 3, budget.Budget(2, 4))]


def test_a_kind_above_its_budget_is_an_alarm_with_count_and_cost_but_not_every_time(caplog):
    codes(3)

    with caplog.at_level(logging.ERROR):
        for _time in range(3):
            budget.count()

    assert [record.getMessage() for record in caplog.records] == [
        "messages of kind code are above budget: 3 an hour (of 2), 3 a day (of 4), cost 60"
    ]


def test_what_is_over_is_forgotten_when_it_is_over():
    codes(3)
    budget.count()
    Message.objects.all().delete()

    assert budget.count() == []
    assert budget.usage_by_kind() == []
    assert Spending.objects.get().last_day == 0


def test_above_the_budget_a_new_code_asks_for_work_and_one_on_its_way_still_counts(client):
    client.post("/identity/", TYPED)
    code = Message.objects.get().text
    digits = "".join(filter(str.isdigit, code))[:6]
    codes(3)
    budget.count()
    caches["local"].clear()

    asked = client.post("/identity/", {**TYPED, "phone": "010-9999-0000"})
    answered = client.post("/identity/code/", {"code": digits})

    assert asked.status_code == 422
    assert asked.context["challenge"]
    assert PhoneCode.objects.count() == 4
    assert answered.status_code == 302


def test_the_operator_sees_it_and_so_does_the_probe(client):
    codes(3)
    budget.count()
    client.force_login(StaffFactory(role=Role.OPERATOR))

    page = client.get("/admin/messaging/message/").content.decode()
    probe = client.get("/readyz").json()

    assert "예산을 넘었습니다" in page
    assert "3 / 2" in page
    assert "60" in page
    assert (probe["messages"], probe["ready"]) == ("above budget: code", True)


@pytest.mark.parametrize("text", ["code=5", "code=1/2", "code=x/y,other=1/2", ""])
def test_an_odd_budget_stops_the_start(text):
    with pytest.raises(ImproperlyConfigured, match="JARI_MESSAGE_BUDGETS"):
        message_budgets(text)


def test_messages_are_listed_by_the_kinds_that_the_apps_know(client):
    codes(2)
    client.force_login(StaffFactory(role=Role.OPERATOR))

    shown = [
        client.get(f"/admin/messaging/message/{query}").context["cl"].result_count
        for query in ("", "?kind=code", "?kind=confirmed", "?kind=nonsense")
    ]

    assert shown == [2, 2, 0, 0]
