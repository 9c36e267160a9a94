"""Pages on which a clinic closes hours: preview, act, taking back."""

import pytest
from django.urls import reverse

from booking.finder.availability import clear_caches
from booking.models import Closure, Slot
from staff.enums import Role
from tests.booking.closures import book, clinic_near, close, places, slot_at
from tests.factories import SlotFactory, StaffFactory

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("every_invariant_holds"),
]


@pytest.fixture
def slot():
    return SlotFactory()


def page_of(clinic, name: str = "closures", *more) -> str:
    return reverse(f"admin:booking_clinic_{name}", args=[clinic.pk, *more])


@pytest.fixture
def manager(client, slot):
    client.force_login(StaffFactory(role=Role.MANAGER, clinic=slot.clinic))
    return client


def form_for(slot: Slot, clock, **values) -> dict[str, str]:
    start = slot.starts_at.astimezone(clock.now().tzinfo)
    return {
        "first": f"{start:%Y-%m-%d}",
        "opens": f"{start:%H:%M}",
        "last": f"{start:%Y-%m-%d}",
        "closes": "23:59",
        "vaccine": "",
        "reason": "building",
        "mode": "move",
        "km": "0",
        "days": "14",
        **values,
    }


def test_a_manager_previews_closes_and_takes_back(manager, slot, clock):
    rows = book(slot, 3)
    slot_at(slot, 1, capacity=2)
    form = form_for(slot, clock)

    preview = manager.get(page_of(slot.clinic), form)
    assert (preview.context["preview"]["own"], preview.context["preview"]["without"]) == (2, 1)
    assert not Closure.objects.exists()
    refused = manager.post(page_of(slot.clinic), {**form, "shown": "0"})
    assert refused.status_code == 409
    closed = manager.post(page_of(slot.clinic), {**form, "shown": "1"}, follow=True)

    closure = Closure.objects.get()
    assert closed.redirect_chain == [(page_of(slot.clinic, "closure", closure.pk), 302)]
    assert rows[0].person.name in closed.content.decode()
    back = manager.post(page_of(slot.clinic, "closure_take_back", closure.pk), follow=True)
    assert [str(message) for message in back.context["messages"]] == [
        "되돌렸습니다. 3명의 예약이 이전과 같으며, 안내 메시지는 보내지 않습니다."
    ]
    assert {status for status, _slot in places(rows)} == {"confirmed"}


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"first": "2020-01-01"}, "first"),
        ({"last": "2020-01-01"}, "last"),
        ({"last": "2099-01-01"}, "last"),
        ({"reason": "free text"}, "reason"),
        ({"km": "7"}, "km"),
        ({"vaccine": "999999"}, "vaccine"),
    ],
)
def test_wrong_hours_are_told_beside_the_field(manager, slot, clock, changed, field):
    page = manager.post(page_of(slot.clinic), form_for(slot, clock, **changed))

    assert (page.status_code, list(page.context["form"].errors)) == (422, [field])


def test_pages_of_a_closure_have_few_statements(
    manager, slot, clock, django_assert_max_num_queries
):
    book(slot, 3)
    slot_at(slot, 1, capacity=1)
    slot_at(slot, 1, clinic=clinic_near(slot.clinic), capacity=1)
    form = form_for(slot, clock, km="10")
    clear_caches()

    with django_assert_max_num_queries(12):
        preview = manager.get(page_of(slot.clinic), form).context["preview"]
    assert (preview["own"], preview["near"], preview["without"]) == (1, 1, 1)
    closure = close(slot, without=2)
    with django_assert_max_num_queries(12):
        manager.get(page_of(slot.clinic, "closure", closure.pk))
