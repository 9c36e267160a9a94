"""Holes through which one clinic's staff could reach another clinic's people."""

import csv
import io

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse
from django.utils import timezone

from booking.enums import ReservationStatus
from booking.models import Slot
from staff.enums import Act, Role
from staff.models import Access
from tests.factories import (
    ClinicFactory,
    PersonFactory,
    ReservationFactory,
    SlotFactory,
    StaffFactory,
    VaccineFactory,
)

pytestmark = pytest.mark.django_db
LIST = "/admin/booking/reservation/"


@pytest.fixture
def scene(client):
    """Clinic A's staff is signed in; A and B have one reservation each, in different regions."""
    a = ClinicFactory(name="가의원", region="서울특별시", district="강남구")
    b = ClinicFactory(name="나의원", region="부산광역시", district="해운대구")

    class Scene:
        ours = ReservationFactory(slot=SlotFactory(clinic=a), person=PersonFactory(name="우리편"))
        theirs = ReservationFactory(
            slot=SlotFactory(clinic=b),
            person=PersonFactory(name="남의편", region="부산광역시", district="해운대구"),
        )
        user = StaffFactory(role=Role.MANAGER, clinic=a)
        local = StaffFactory(role=Role.LOCAL, region="서울특별시", district="강남구")

    client.force_login(Scene.user)
    return Scene


def people_on(page) -> set[str]:
    return {name for name in ["우리편", "남의편"] if name in page.content.decode()}


@pytest.mark.parametrize("who", ["user", "local"])
def test_lists_show_own_rows_only(client, scene, who):
    client.force_login(getattr(scene, who))

    assert people_on(client.get(LIST)) == {"우리편"}
    assert people_on(client.get(f"{LIST}?all=")) == {"우리편"}
    slots = client.get("/admin/booking/slot/").content.decode()
    assert "가의원" in slots
    assert "나의원" not in slots


@pytest.mark.parametrize("who", ["user", "local"])
def test_pages_of_others_are_not_found(client, scene, who):
    client.force_login(getattr(scene, who))
    slot = scene.theirs.slot

    for name, pk in [
        ("booking_reservation_change", scene.theirs.pk),
        ("booking_reservation_history", scene.theirs.pk),
        ("booking_slot_change", slot.pk),
        ("booking_slot_history", slot.pk),
        ("booking_clinic_change", slot.clinic_id),
    ]:
        page = client.get(reverse(f"admin:{name}", args=[pk]), follow=True)
        assert "남의편" not in page.content.decode()
        assert "나의원" not in page.content.decode()
        assert page.status_code == 404 or page.redirect_chain[0] == ("/admin/", 302), name
    assert client.get(f"{LIST}{scene.ours.pk}/change/").status_code == 200


@pytest.mark.parametrize("by", ["number", "phone", "name and birth date", "#"])
def test_searches_find_own_rows_only(client, scene, by):
    def term(reservation):
        person = reservation.person
        return {
            "number": reservation.number,
            "phone": "0" + person.phone[3:],
            "name and birth date": f"{person.name} {person.birth_date}",
            "#": f"#{person.pk}",
        }[by]

    def found(reservation):
        page = client.post(LIST, {"search": term(reservation)}, follow=True)
        return [row.pk for row in page.context["cl"].result_list]

    assert found(scene.ours) == [scene.ours.pk]
    assert found(scene.theirs) == []


def test_a_search_leaves_no_name_or_phone_in_the_address(client, scene):
    person = scene.ours.person

    for term in [f"{person.name} {person.birth_date}", "0" + person.phone[3:]]:
        [(address, _status)] = client.post(LIST, {"search": term}, follow=True).redirect_chain
        assert person.name not in address
        assert person.phone[-8:] not in address
        assert client.get(address).context["shown_query"] == term


def test_an_address_of_a_search_is_of_no_use_to_somebody_else(client, scene):
    [(address, _status)] = client.post(
        LIST, {"search": scene.ours.number}, follow=True
    ).redirect_chain
    client.force_login(StaffFactory())

    page = client.get(address)

    assert page.context["shown_query"] == ""
    assert list(page.context["cl"].result_list) == []


def test_filters_in_the_address_do_not_reach_others(client, scene):
    for query in [
        f"slot__clinic__id__exact={scene.theirs.slot.clinic_id}",
        f"slot__clinic={scene.theirs.slot.clinic_id}",
        "region=부산광역시",
        f"person__id__exact={scene.theirs.person_id}",
        f"id__in={scene.theirs.pk}",
    ]:
        assert "남의편" not in client.get(f"{LIST}?{query}", follow=True).content.decode()


def test_actions_do_not_touch_others(client, scene, clock):
    clock.move_to(scene.ours.slot.starts_at)
    client.force_login(scene.user)
    client.post(
        LIST,
        {
            "action": "mark_as_arrived",
            "_selected_action": [scene.ours.pk, scene.theirs.pk],
            "index": 0,
        },
    )

    scene.ours.refresh_from_db()
    scene.theirs.refresh_from_db()
    assert scene.ours.status == ReservationStatus.ARRIVED
    assert scene.ours.by == f"staff:{scene.user.pk}"
    assert scene.theirs.status == ReservationStatus.CONFIRMED


def test_the_buttons_do_not_touch_others(client, scene):
    answer = client.post(f"{LIST}{scene.theirs.pk}/mark/", {"act": "arrived"})

    assert answer.status_code == 404
    scene.theirs.refresh_from_db()
    assert scene.theirs.status == ReservationStatus.CONFIRMED


def test_local_government_looks_and_does_not_mark(client, scene):
    client.force_login(scene.local)

    answer = client.post(f"{LIST}{scene.ours.pk}/mark/", {"act": "arrived"})
    client.post(
        LIST, {"action": "mark_as_arrived", "_selected_action": [scene.ours.pk], "index": 0}
    )

    assert answer.status_code == 403
    scene.ours.refresh_from_db()
    assert scene.ours.status == ReservationStatus.CONFIRMED


def test_look_ups_offer_own_clinics_only(client, scene):
    answer = client.get(
        "/admin/autocomplete/",
        {"app_label": "booking", "model_name": "slot", "field_name": "clinic", "term": "의원"},
    )

    assert [clinic["text"] for clinic in answer.json()["results"]] == ["가의원"]


def test_a_form_refuses_a_clinic_that_was_not_offered(client, scene):
    tomorrow = timezone.localtime() + timezone.timedelta(days=1)
    slot = {
        "clinic": scene.theirs.slot.clinic_id,
        "vaccine": VaccineFactory().pk,
        "starts_at_0": f"{tomorrow:%Y-%m-%d}",
        "starts_at_1": "09:00",
        "capacity": 5,
    }

    refused = client.post("/admin/booking/slot/add/", slot)
    assert "clinic" in refused.context["adminform"].form.errors
    assert Slot.objects.count() == 2

    client.post("/admin/booking/slot/add/", {**slot, "clinic": scene.ours.slot.clinic_id})
    assert Slot.objects.count() == 3


def test_the_day_is_of_the_own_clinic(client, scene):
    day = f"day={timezone.localtime(scene.ours.slot.starts_at):%Y-%m-%d}"

    assert people_on(client.get(f"{LIST}day/?{day}")) == {"우리편"}
    assert people_on(client.get(f"{LIST}day/list/?{day}")) == {"우리편"}
    for name in ["", "list/", "changes/"]:
        other = client.get(f"{LIST}day/{name}?{day}&clinic={scene.theirs.slot.clinic.code}")
        assert other.status_code == 404


@pytest.mark.parametrize("who", ["user", "local"])
def test_a_download_holds_own_rows_only(client, scene, who):
    client.force_login(getattr(scene, who))
    day = timezone.localtime(scene.ours.slot.starts_at).date()

    answer = client.post(
        "/admin/exports/reservations/",
        {
            "first": day,
            "last": day,
            "region": "" if who == "user" else "부산광역시",
            "people": "on",
            "encoding": "utf-8",
            "headers": "names",
            "zone": "seoul",
            "packing": "csv",
            "reason": "접종 전날 확인 전화",
        },
    )

    rows = csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode(), newline=""))
    assert [row["name"] for row in rows] == (["우리편"] if who == "user" else [])
    access = Access.objects.get(act=Act.DOWNLOAD)
    assert access.reason == "접종 전날 확인 전화"
    assert access.user == getattr(scene, who)


def test_who_runs_the_machines_sees_no_people(client, scene):
    client.force_login(StaffFactory(role=Role.OPERATOR))

    for address in [
        LIST,
        f"{LIST}{scene.ours.pk}/change/",
        f"{LIST}day/?clinic={scene.ours.slot.clinic.code}",
        "/admin/exports/reservations/",
        f"{LIST}{scene.ours.pk}/history/",
        "/admin/eligibility/person/",
    ]:
        assert client.get(address).status_code == 403, address


def test_nobody_outside_reaches_anything(client, scene):
    client.logout()

    for address in [LIST, f"{LIST}day/", "/admin/exports/", f"{LIST}{scene.ours.pk}/mark/"]:
        answer = client.get(address)
        assert answer.status_code == 302
        assert answer.url.startswith("/admin/login/")


def test_staff_without_a_place_see_nothing(client, scene):
    client.force_login(StaffFactory(role=""))

    assert client.get(LIST).status_code == 403


def test_a_refused_mark_says_why(client, scene):
    answer = client.post(f"{LIST}{scene.ours.pk}/mark/", {"act": "no_show"})

    assert answer.url == f"{LIST}{scene.ours.pk}/change/"
    [message] = get_messages(answer.wsgi_request)
    assert scene.ours.number in str(message)
    scene.ours.refresh_from_db()
    assert scene.ours.status == ReservationStatus.CONFIRMED


def test_a_mark_does_not_send_people_elsewhere(client, scene):
    answer = client.post(
        f"{LIST}{scene.ours.pk}/mark/", {"act": "arrived", "next": "https://example.org/"}
    )

    assert answer.url == f"{LIST}{scene.ours.pk}/change/"
