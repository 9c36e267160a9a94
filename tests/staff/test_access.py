import pytest
from django.conf import settings
from django.db import ProgrammingError, transaction
from django.utils import timezone

from staff.enums import Act, Role
from staff.models import Access
from tests.factories import (
    ClinicFactory,
    PersonFactory,
    ReservationFactory,
    SlotFactory,
    StaffFactory,
)
from tests.staff.signing_in import authenticator_of, code_of

pytestmark = pytest.mark.django_db
LIST = "/admin/booking/reservation/"


def reads() -> list[tuple]:
    return list(Access.objects.order_by("pk").values_list("act", "people"))


def test_lists_searches_and_pages_are_recorded_with_whose_data_they_showed(client):
    user = StaffFactory()
    client.force_login(user)
    one, other = ReservationFactory(), ReservationFactory()
    both = sorted([one.person_id, other.person_id])

    client.get(LIST)
    client.post(LIST, {"search": one.number}, follow=True)
    client.get(f"{LIST}{other.pk}/change/")

    assert reads() == [
        (Act.LIST, both),
        (Act.SEARCH, [one.person_id]),
        (Act.DETAIL, [other.person_id]),
    ]
    access = Access.objects.last()
    assert access.user == user
    assert access.address == "127.0.0.1"


def test_superusers_are_recorded_too(client):
    client.force_login(StaffFactory(superuser=True))
    person = PersonFactory()

    client.get(f"/admin/eligibility/person/{person.pk}/change/")

    assert reads() == [(Act.DETAIL, [person.pk])]


def test_a_list_that_shows_nobody_is_not_recorded(client):
    client.force_login(StaffFactory())

    client.get(LIST)

    assert reads() == []


def test_the_day_sheet_is_recorded(client):
    slot = SlotFactory()
    reservation = ReservationFactory(slot=slot)
    client.force_login(StaffFactory(role=Role.CLINIC, clinic=slot.clinic))

    client.get(f"{LIST}day/?day={timezone.localtime(slot.starts_at):%Y-%m-%d}")

    assert reads() == [(Act.PRINT, [reservation.person_id])]


def test_records_cannot_be_changed_or_removed(client):
    user = StaffFactory(superuser=True)
    record = Access.objects.create(user=user, act=Act.LIST, what="x", people=[1])

    with pytest.raises(ProgrammingError, match="Cannot"), transaction.atomic():
        Access.objects.filter(pk=record.pk).update(people=[])
    with pytest.raises(ProgrammingError, match="Cannot"), transaction.atomic():
        Access.objects.filter(pk=record.pk).delete()
    client.force_login(user)
    assert client.post(f"/admin/staff/access/{record.pk}/delete/").status_code == 403

    assert Access.objects.get(pk=record.pk).people == [1]


def test_who_saw_a_person_can_be_found(client):
    client.force_login(StaffFactory(role=Role.OPERATOR))
    user = StaffFactory()
    Access.objects.create(user=user, act=Act.LIST, what="x", people=[1, 12])
    Access.objects.create(user=user, act=Act.LIST, what="x", people=[2, 120])

    page = client.get("/admin/staff/access/?q=%2312")

    assert [access.people for access in page.context["cl"].result_list] == [[1, 12]]


def test_log_ins_are_recorded_and_refused_ones_too(client):
    user = StaffFactory(username="desk")
    device = authenticator_of(user)
    client.post("/admin/login/", {"username": "desk", "password": "wrong"})
    client.post("/admin/login/", {"username": "nobody", "password": "wrong"})
    client.post("/admin/login/?next=/admin/", {"username": "desk", "password": "password"})
    client.post("/admin/second-factor/", {"code": "000000"})
    client.post("/admin/second-factor/", {"code": code_of(device)})

    assert list(Access.objects.order_by("pk").values_list("act", "user")) == [
        (Act.LOG_IN_REFUSED, user.pk),
        (Act.LOG_IN_REFUSED, user.pk),
        (Act.LOG_IN, user.pk),
    ]


def test_the_queue_pages_are_for_operators(client):
    for role, status in [(Role.OPERATOR, 200), (Role.AUTHORITY, 403), (Role.CLINIC, 403)]:
        place = {"clinic": ClinicFactory()} if role == Role.CLINIC else {}
        client.force_login(StaffFactory(role=role, **place))
        for address in ["/admin/rq/", "/admin/django_rq/dashboard/"]:
            assert client.get(address, follow=True).status_code == status, (role, address)


def test_the_admin_keeps_to_the_strict_policy(client):
    client.force_login(StaffFactory(superuser=True))
    ReservationFactory()

    for address in ["/admin/", LIST, f"{LIST}day/", f"{LIST}download/"]:
        page = client.get(address)
        policy = page.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        text = page.content.decode()
        assert " style=" not in text
        assert "<style" not in text
        assert " onclick=" not in text
    assert settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]["default-src"] == ["'none'"]
