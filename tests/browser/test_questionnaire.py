"""The questions before a vaccination on a phone and at the counter: laid out, saved, sent."""

import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from booking.services.visits import mark_arrived
from staff.enums import Role
from tests.browser.test_desk import looks_right, sign_in
from tests.browser.test_family import looks_right as fits
from tests.browser.test_family import picture
from tests.eligibility.signing_in import sign_in_context
from tests.factories import PersonFactory, ReservationFactory
from tests.vaccination.answering import ON_ANTICOAGULANTS
from vaccination.models import DoseGiven, QuestionnaireResponse
from vaccination.services.doses import form_address
from vaccination.services.questionnaire_versions import open_draft
from vaccination.services.questionnaires import sent_answers


@pytest.fixture(params=[("ko", 360), ("en", 820)], ids=str)
def screen(request, new_screen):
    return new_screen(*request.param, height=1000)


def until(condition: Callable[[], bool]) -> bool:
    """A beacon arrives after the page that sent it has gone."""
    end = time.monotonic() + 15
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def test_from_the_sofa_to_the_syringe(screen, clock):
    row = ReservationFactory(person=PersonFactory(name="남궁민수"))
    address = f"{screen.at}/reservations/{row.number}/questions/"
    sign_in_context(screen.context, screen.at, row.person_id)

    # What is answered is stored when the phone shows something else, without a button.
    screen.goto(address)
    fits(screen)
    picture(screen, f"answers-1-{screen.language}")
    assert not screen.is_visible("[name=q_sick_detail]")
    screen.check("[name=q_sick][value=no]")
    screen.check("[name=q_bleeding][value=yes]")
    screen.fill("[name=q_bleeding_detail]", "와파린")
    screen.goto(f"{screen.at}/reservations/{row.number}/")
    assert until(lambda: QuestionnaireResponse.objects.filter(reservation=row).exists())
    fits(screen)
    picture(screen, f"answers-2-{screen.language}")
    screen.goto(address)
    assert screen.input_value("[name=q_bleeding_detail]") == "와파린"

    # By keyboard: what is missing is listed, and the list leads there.
    screen.focus("form#questions .primary")
    screen.keyboard.press("Enter")
    screen.wait_for_selector(".jari-summary")
    fits(screen)
    picture(screen, f"answers-3-{screen.language}")
    screen.evaluate("document.documentElement.style.fontSize = '125%'")
    fits(screen)
    picture(screen, f"answers-4-{screen.language}")
    for name, answer in ON_ANTICOAGULANTS.items():
        if "detail" not in name:
            screen.check(f"[name=q_{name}][value={answer}]")
    screen.click("form#questions .primary")
    fits(screen)
    picture(screen, f"answers-5-{screen.language}")
    assert sent_answers(QuestionnaireResponse.objects.get()) == ON_ANTICOAGULANTS

    # At the clinic: the sign on the day, the answers, the doctor, the dose.
    clock.move_to(row.slot.starts_at + timedelta(minutes=1))
    mark_arrived(reservation=row, by="staff:1")
    screen.context.clear_cookies()
    sign_in(screen, role=Role.CLINIC, clinic=row.slot.clinic)
    assert screen.locator(".visit-state .visit-sign").count() == 1
    looks_right(screen)
    screen.goto(f"{screen.at}{form_address(row)}questions/")
    looks_right(screen)
    screen.goto(f"{screen.at}{form_address(row)}questions/?change")
    looks_right(screen)
    screen.goto(f"{screen.at}{form_address(row)}questions/print/")
    looks_right(screen)
    screen.goto(f"{screen.at}{form_address(row)}")
    looks_right(screen)
    screen.click("button[value=LA]")
    looks_right(screen)
    screen.check("[name=doctor_spoke]")
    screen.click("button[value=LA]")
    screen.wait_for_url("**/day/**")
    assert DoseGiven.objects.filter(reservation=row).exists()


def test_the_authoritys_pages_fit_every_screen(screen):
    draft = open_draft(by="staff:1")
    sign_in(screen, role=Role.AUTHORITY)

    for page in ["", "add/", f"{draft.pk}/change/", f"{draft.pk}/edit/"]:
        screen.goto(f"{screen.at}/admin/vaccination/questionnaire/{page}")
        looks_right(screen)
