"""Certificates: their person's page and PDF, and the code by which anybody verifies them."""

import pytest
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from booking.services.visits import undo_mark
from booking.views.common import looked_up
from vaccination.certificates import LETTERS, code_of, find_dose
from vaccination.certificates.pdf import UnprintableName, certificate_pdf
from vaccination.certificates.texts import masked
from vaccination.models import DoseGiven
from vaccination.services.doses import DoseDetails, record_dose
from web.codes import ALPHABET, UnreadableCode, number_of, read, written

pytestmark = pytest.mark.django_db


@pytest.fixture
def dose(arrived, lot) -> DoseGiven:
    record_dose(reservation=arrived, details=DoseDetails(lot.pk, "LA"), by="staff:1")
    return DoseGiven.objects.with_visit().get()


@pytest.fixture
def citizen(client, arrived):
    """A browser that has looked the reservation up with its phone."""
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    sent = {"number": arrived.number, "phone": arrived.person.phone}
    assert client.post(reverse("lookup"), sent).status_code == 302
    assert looked_up.cookie in client.cookies
    return client


@given(number=st.integers(0, 2**140 - 1))
def test_a_number_is_written_and_read_again(number):
    assert number_of(read(written(number, LETTERS), LETTERS)) == number


def test_the_page_says_all_and_the_code_proves_the_least(citizen, client, dose, lot):
    page = citizen.get(reverse("certificate", args=[dose.reservation.number]))
    content = page.content.decode()
    client.cookies.clear()
    proof = client.get(reverse("certificate_of_code", args=[code_of(dose.pk)]))
    shown = proof.content.decode()

    assert page.status_code == 200
    for text in [dose.person.name, "1964-05-12", lot.number, code_of(dose.pk), dose.clinic.name]:
        assert text in content
    assert proof.status_code == 200
    assert "This certificate is genuine." in shown
    assert masked(dose.person.name) in shown
    assert "1964" in shown
    for text in [
        dose.person.name,
        "1964-05-12",
        dose.person.phone[-8:],
        lot.number,
        dose.clinic.name,
        dose.reservation.number,
    ]:
        assert text not in shown


def test_the_receipt_leads_to_the_certificate(citizen, dose):
    address = reverse("certificate", args=[dose.reservation.number])

    page = citizen.get(reverse("reservation", args=[dose.reservation.number]))

    assert address in page.content.decode()


def test_nobody_else_gets_page_or_pdf(client, dose):
    for name in ["certificate", "certificate_pdf"]:
        answer = client.get(reverse(name, args=[dose.reservation.number]))
        assert (answer.status_code, answer.url.split("?")[0]) == (302, reverse("lookup"))


def test_without_a_dose_there_is_the_receipt(citizen, arrived):
    answer = citizen.get(reverse("certificate", args=[arrived.number]))

    assert answer.url == reverse("reservation", args=[arrived.number])


def test_the_pdf_is_in_both_languages(citizen, dose):
    answer = citizen.get(reverse("certificate_pdf", args=[dose.reservation.number]))

    assert answer["Content-Type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF-1.")
    assert len(answer.content) < 60_000
    assert b"FontFile2" in answer.content  # embedded, so that it prints anywhere


def test_drawing_a_name_logs_no_letter_of_it(dose, caplog):
    certificate_pdf(dose)

    assert [record.name for record in caplog.records] == []


def test_a_letter_that_the_font_lacks_is_said(citizen, dose):
    dose.clinic.name = "뷁의원"
    dose.clinic.save()

    answer = citizen.get(reverse("certificate_pdf", args=[dose.reservation.number]))

    assert answer.status_code == 422
    assert "Print this page instead." in answer.content.decode()
    with pytest.raises(UnprintableName):
        certificate_pdf(DoseGiven.objects.with_visit().get())


def test_a_dose_taken_back_proves_nothing(client, dose, arrived):
    code = code_of(dose.pk)
    undo_mark(reservation=arrived, by="staff:1")

    answer = client.get(reverse("certificate_of_code", args=[code]))

    assert answer.status_code == 404
    assert dose.person.name[0] not in answer.content.decode().split("<main")[1][:50]


def test_no_code_can_be_made_from_another(dose):
    letters = code_of(dose.pk).replace("-", "")
    assert len(letters) == LETTERS == 29
    number = number_of(letters)
    forged = [
        number + (1 << 100),  # the next dose with this proof
        number ^ 1,  # this dose with another proof
        number ^ 1 << 99,
        dose.pk << 100,
        0,
    ]

    assert find_dose(letters.lower()).pk == dose.pk
    for wrong in forged:
        assert find_dose(written(wrong, LETTERS)) is None
    for letter in ALPHABET:
        if letter != letters[3]:
            with pytest.raises(UnreadableCode):
                find_dose(letters[:3] + letter + letters[4:])


@pytest.mark.parametrize("code", ["x", "0" * 28, "%00", "0" * 400, "가" * 29, "-"])
def test_what_is_no_code_is_said(client, code):
    page = client.get(f"/certificates/{code}/")
    form = client.post("/certificates/", {"code": code})

    assert (page.status_code, form.status_code) == (422, 422)
    assert client.post("/certificates/", {}).status_code == 422
    assert client.get("/certificates/").status_code == 200


def test_too_many_codes_from_one_network_wait(client, dose, monkeypatch):
    monkeypatch.setattr("vaccination.limits.VERIFY_RATE", "3/10m")
    address = reverse("certificate_of_code", args=[code_of(dose.pk)])

    answers = [client.get(address).status_code for _ in range(5)]

    assert answers == [200, 200, 200, 429, 429]


def test_a_pdf_is_not_drawn_without_end(citizen, dose, monkeypatch):
    monkeypatch.setattr("vaccination.limits.PDF_RATE", "1/10m")
    address = reverse("certificate_pdf", args=[dose.reservation.number])

    assert [citizen.get(address).status_code for _ in range(2)] == [200, 429]


def test_forgotten_people_have_no_certificate(client, dose, clock):
    type(dose.person).objects.filter(pk=dose.person_id).update(forgotten_at=clock.now())

    answer = client.get(reverse("certificate_of_code", args=[code_of(dose.pk)]))

    assert answer.status_code == 404


def test_names_are_masked():
    assert [masked(name) for name in ["김", "김희", "김영희", "남궁영희"]] == [
        "김*",
        "김*",
        "김*희",
        "남**희",
    ]


def test_a_code_is_found_for_as_long_as_its_key_is_there(dose, settings):
    code, old = code_of(dose.pk), settings.INDEX_KEYS
    settings.INDEX_KEYS = [(9, b"n" * 32), *old]

    assert code_of(dose.pk) != code
    assert find_dose(code) == find_dose(code_of(dose.pk)) == dose
    settings.INDEX_KEYS = [(9, b"n" * 32)]
    assert find_dose(code) is None
