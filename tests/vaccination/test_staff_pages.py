"""The clinic's pages of lots and of one person's vaccination."""

import uuid
from datetime import timedelta

import pytest

from booking.rules import day_of
from staff.enums import Role
from staff.models import Access
from tests.factories import ClinicFactory, StaffFactory
from tests.vaccination.answering import HEALTHY, sent
from tests.vaccination.factories import LotFactory
from tests.vaccination.test_questionnaires import published
from vaccination.enums import WasteReason
from vaccination.models import DefaultLot, DoseGiven, Lot, LotMovement, NotDone, Reaction
from vaccination.services.doses import DoseDetails, form_address, outcome_address, record_dose
from vaccination.services.lots import set_default_lot, waste_doses

pytestmark = pytest.mark.django_db
LOTS = "/admin/vaccination/lot/"


@pytest.fixture
def desk(client, nurse):
    client.force_login(nurse)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def test_the_page_of_a_visit_has_few_statements(
    desk, arrived, lot, by, django_assert_max_num_queries
):
    published()
    sent(arrived, {**HEALTHY, "covid": "recent", "eaten": "yes"}, by=by)
    LotFactory(clinic=lot.clinic, vaccine=lot.vaccine)
    set_default_lot(lot=lot, on=day_of(arrived.slot.starts_at), by=by)

    with django_assert_max_num_queries(12):
        page = desk.get(form_address(arrived))

    assert [value for value, _label in page.context["form"]["lot"].field.choices][1:] == [
        row.pk for row in Lot.objects.order_by("expires_on", "number")
    ]
    assert page.context["form"]["lot"].value() == lot.pk
    assert page.context["questions"]["flags"]


def fields(lot: Lot | None, nurse, **values) -> dict:
    """What the form of one person's vaccination sends."""
    sent = {
        "lot": lot.pk if lot else "",
        "identity": "card",
        "vaccinator": nurse.pk,
        "site": "LA",
        "status_shown": "arrived",
    }
    return {**sent, **values}


def said(page) -> str:
    return " ".join(str(message) for message in page.context["messages"])


def errors(page) -> str:
    return " ".join(str(error) for found in page.context["form"].errors.values() for error in found)


def test_a_clinic_receives_a_lot_and_makes_it_the_lot_of_the_day(desk, arrived, nurse):
    key = uuid.uuid4()
    sent = {
        "vaccine": arrived.slot.vaccine_id,
        "number": "ab 12",
        "expires_on": f"{day_of(arrived.slot.starts_at) + timedelta(days=60)}",
        "doses": "50",
        "key": key,
    }

    for _ in range(2):  # sent twice
        page = desk.post(f"{LOTS}add/", sent, follow=True)
    lot = Lot.objects.get()
    desk.post(f"{LOTS}{lot.pk}/today/", {"act": "set"})

    assert "AB12: 50 doses left." in said(page)
    assert (lot.number, lot.doses_left, lot.clinic) == ("AB12", 50, arrived.slot.clinic)
    assert DefaultLot.objects.get().lot == lot
    assert "Lot of the day" in desk.get(LOTS).content.decode()
    desk.post(f"{LOTS}{lot.pk}/today/", {"act": "clear"})
    assert not DefaultLot.objects.exists()


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("number", "한글", "letters, digits"),
        ("expires_on", "2019-01-01", "expired"),
        ("expires_on", "9999-01-01", "Check the year"),
        ("expires_on", "x", "valid date"),
        ("doses", "0", "greater than or equal"),
        ("doses", "99999999999999999999", "less than or equal"),
        ("vaccine", "99999999999999999999", "valid choice"),
        ("vaccine", "0", "valid choice"),
    ],
)
def test_what_is_typed_wrongly_is_said_and_nothing_is_received(desk, arrived, field, value, error):
    sent = {
        "vaccine": arrived.slot.vaccine_id,
        "number": "AB12",
        "expires_on": f"{day_of(arrived.slot.starts_at)}",
        "doses": "5",
        field: value,
    }

    page = desk.post(f"{LOTS}add/", sent)

    assert page.status_code == 422
    assert error in errors(page)
    assert not Lot.objects.exists()


def test_doses_are_corrected_and_wasted_with_a_reason(desk, lot):
    without = desk.post(f"{LOTS}{lot.pk}/waste/", {"doses": "2", "reason": ""})
    desk.post(f"{LOTS}{lot.pk}/waste/", {"doses": "2", "reason": "broken"})
    too_many = desk.post(f"{LOTS}{lot.pk}/waste/", {"doses": "9", "reason": "broken"})
    desk.post(f"{LOTS}{lot.pk}/correct/", {"received": "8", "reason": "counted again"})
    page = desk.get(f"{LOTS}{lot.pk}/change/").content.decode()

    lot.refresh_from_db()
    assert (without.status_code, too_many.status_code) == (422, 422)
    assert "has 8 doses left" in errors(too_many)
    assert (lot.doses_received, lot.doses_wasted, lot.doses_left) == (8, 2, 6)
    for text in ["Vial broken or contaminated", "counted again", "nurse"]:
        assert text in page


def test_a_label_is_corrected(desk, lot):
    sent = {"number": "new-1", "expires_on": f"{lot.expires_on + timedelta(days=1)}"}

    desk.post(f"{LOTS}{lot.pk}/label/", sent)

    lot.refresh_from_db()
    assert (lot.number, f"{lot.expires_on}") == ("NEW-1", sent["expires_on"])


def test_one_press_records_the_vaccination(desk, arrived, lot, nurse):
    set_default_lot(lot=lot, on=day_of(arrived.slot.starts_at), by="staff:1")

    form = desk.get(form_address(arrived))
    page = desk.post(form_address(arrived), fields(lot, nurse), follow=True)

    content = form.content.decode()
    assert arrived.person.name in content
    assert arrived.person.birth_date.isoformat() in content
    assert form.context["form"]["lot"].value() == lot.pk
    dose = DoseGiven.objects.get(reservation=arrived)
    assert (dose.lot, dose.site, dose.identity) == (lot, "LA", "card")
    assert (dose.vaccinator, dose.by) == (f"staff:{nurse.pk}",) * 2
    assert said(page) == f"{arrived.person.name} ({arrived.number}): Vaccinated"
    acts = Access.objects.filter(what="vaccination").order_by("pk")
    assert [(row.act, row.people) for row in acts] == [
        ("detail", [arrived.person_id]),
        ("change", [arrived.person_id]),
    ]


def test_the_only_lot_is_preselected_of_two_none(desk, arrived, lot):
    assert desk.get(form_address(arrived)).context["form"]["lot"].value() == lot.pk
    LotFactory(clinic=lot.clinic, vaccine=lot.vaccine)
    assert desk.get(form_address(arrived)).context["form"]["lot"].value() is None


def test_the_quick_mark_leads_to_the_form_without_a_lot_of_the_day(desk, arrived, lot):
    mark = {"act": "vaccinated", "seen": "arrived"}

    page = desk.post(f"/admin/booking/reservation/{arrived.pk}/mark/", mark, follow=True)

    assert page.redirect_chain == [(form_address(arrived), 302)]
    assert "No lot is set for today" in said(page)
    assert not DoseGiven.objects.exists()


def test_not_vaccinated_asks_for_the_reason(desk, arrived):
    mark = {"act": "not_done", "seen": "arrived"}

    page = desk.post(f"/admin/booking/reservation/{arrived.pk}/mark/", mark, follow=True)
    desk.post(outcome_address(arrived), {"reason": "illness", "status_shown": "arrived"})

    assert page.redirect_chain == [(outcome_address(arrived), 302)]
    assert NotDone.objects.values_list("outcome", "reason").get() == ("postponed", "illness")
    arrived.refresh_from_db()
    assert arrived.status == "not_done"
    shown = desk.get(form_address(arrived)).content.decode()
    assert "Fever or illness today" in shown
    mark = {"act": "take_back", "seen": "not_done"}
    desk.post(f"/admin/booking/reservation/{arrived.pk}/mark/", mark)
    arrived.refresh_from_db()
    assert arrived.status == "arrived"


def test_a_clinic_without_lots_is_asked_for_none(desk, arrived, nurse):
    page = desk.get(form_address(arrived))

    assert "lot" not in page.context["form"].fields
    desk.post(form_address(arrived), fields(None, nurse))
    assert DoseGiven.objects.get().lot is None


def test_an_old_tablet_corrects_nothing(desk, arrived, lot, nurse):
    other = LotFactory(clinic=lot.clinic, vaccine=lot.vaccine)
    record_dose(reservation=arrived, details=DoseDetails(lot.pk, "RA"), by="staff:7")

    page = desk.post(form_address(arrived), fields(other, nurse))

    assert page.status_code == 422
    assert lot.number in errors(page)
    assert DoseGiven.objects.values_list("lot", "site").get() == (lot.pk, "RA")


def test_a_recorded_dose_is_completed_on_its_page(desk, arrived, lot, nurse):
    record_dose(reservation=arrived, details=DoseDetails(lot.pk), by="staff:7")

    desk.post(
        form_address(arrived), fields(lot, nurse, status_shown="vaccinated", identity="passport")
    )

    dose = DoseGiven.objects.get()
    assert (dose.site, dose.identity, dose.by) == ("LA", "passport", f"staff:{nurse.pk}")


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"lot": ""}, "required"),
        ({"lot": "0"}, "can't be given here"),
        ({"lot": "99999999999999999999"}, "can't be given here"),
        ({"site": ""}, "Press the arm"),
        ({"site": "XX"}, "valid choice"),
        ({"identity": "x"}, "valid choice"),
        ({"vaccinator": "0"}, "valid choice"),
    ],
)
def test_bad_input_is_said_and_nothing_is_half_done(desk, arrived, lot, nurse, values, error):
    page = desk.post(form_address(arrived), {**fields(lot, nurse), **values})

    assert page.status_code == 422
    assert error in errors(page)
    arrived.refresh_from_db()
    assert arrived.status == "arrived"
    assert not DoseGiven.objects.exists()


def test_a_used_up_lot_is_not_offered(desk, arrived, lot, nurse):
    waste_doses(lot=lot, doses=10, reason=WasteReason.BROKEN, by="staff:1")

    page = desk.post(form_address(arrived), fields(lot, nurse))

    assert "used up" in errors(page)
    assert not DoseGiven.objects.exists()


def test_a_reaction_is_recorded_after_the_dose(desk, arrived, lot):
    address = f"{form_address(arrived)}reaction/"
    early = desk.post(address, {"manifestation": "rash"})
    record_dose(reservation=arrived, details=DoseDetails(lot.pk), by="staff:1")
    page = desk.post(address, {"manifestation": "rash"}, follow=True)

    assert (early.status_code, desk.post(address, {}).status_code) == (422, 422)
    assert Reaction.objects.get().manifestation == "rash"
    assert "Rash or itching" in page.content.decode()


@pytest.mark.parametrize("role", [Role.LOCAL, Role.AUTHORITY, Role.OPERATOR, Role.AUDITOR])
def test_only_the_clinic_records_and_counts(client, arrived, lot, nurse, role):
    client.force_login(StaffFactory(role=role, region="서울특별시"))

    for address in [
        form_address(arrived),
        outcome_address(arrived),
        f"{form_address(arrived)}reaction/",
        f"{LOTS}add/",
        f"{LOTS}{lot.pk}/waste/",
        f"{LOTS}{lot.pk}/correct/",
        f"{LOTS}{lot.pk}/label/",
        f"{LOTS}{lot.pk}/today/",
    ]:
        assert client.post(address, fields(lot, nurse)).status_code == 403, address
    assert not DoseGiven.objects.exists()
    assert LotMovement.objects.count() == 1


def test_another_clinic_finds_neither_the_person_nor_the_lot(client, arrived, lot, nurse):
    other = StaffFactory(role=Role.MANAGER, clinic=ClinicFactory())
    client.force_login(other)

    for address in [
        form_address(arrived),
        outcome_address(arrived),
        f"{form_address(arrived)}reaction/",
        f"{LOTS}{lot.pk}/waste/",
        f"{LOTS}{lot.pk}/correct/",
        f"{LOTS}{lot.pk}/label/",
        f"{LOTS}{lot.pk}/today/",
    ]:
        assert client.post(address, fields(lot, nurse)).status_code == 404, address
    assert lot.number not in client.get(LOTS).content.decode()
    # Their own form takes no lot of ours.
    assert not DoseGiven.objects.exists()


def test_doses_are_found_by_lot_or_person_in_ones_own_rows(client, desk, arrived, lot):
    record_dose(reservation=arrived, details=DoseDetails(lot.pk), by="staff:1")
    address = "/admin/vaccination/dosegiven/"

    def found(term: str) -> int:
        page = client.post(address, {"search": term}, follow=True)
        return len(page.context["cl"].result_list)

    assert list(desk.get(address).context["cl"].result_list) == []
    assert (found(lot.number), found("0" + arrived.person.phone[3:]), found("XX")) == (1, 1, 0)
    client.force_login(StaffFactory(role=Role.CLINIC, clinic=ClinicFactory()))
    assert found(lot.number) == 0
