"""The questions before a vaccination: their format, and the answers of their person."""

import json
from datetime import timedelta
from functools import partial
from hashlib import sha256

import pytest
from django.db import DatabaseError, connection, transaction
from django.urls import reverse
from django.utils import translation

from booking.services.changes import cancel_reservation, change_reservation
from booking.services.visits import mark_arrived
from booking.views.common import looked_up
from database.clock import Now
from eligibility.services.purging import forget, purge
from eligibility.sessions import COOKIE
from events.services import story_of
from privacy.cipher import UnreadableData
from privacy.rotation import encrypted_columns
from tests.concurrency import at_once
from tests.eligibility.signing_in import sign_in
from tests.factories import ClinicFactory, PersonFactory, ReservationFactory, SlotFactory
from tests.vaccination.answering import HEALTHY, ON_ANTICOAGULANTS, page_of, posted, sent, stored
from vaccination.enums import QuestionKind
from vaccination.exceptions import AnsweredByPerson, AnsweredMeanwhile
from vaccination.models import Questionnaire, QuestionnaireResponse
from vaccination.questionnaire import BadQuestionnaire, answered, flagged, picked, read_content
from vaccination.services.questionnaires import (
    content_data,
    delivered_content,
    flagged_items,
    save_draft,
    sent_answers,
    waiting_for_doctor,
    withdraw_answers,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def reservation(clock):
    return ReservationFactory()


@pytest.fixture
def address(reservation) -> str:
    return reverse("questions", args=[reservation.number])


@pytest.fixture
def citizen(client, reservation):
    """The browser in which the person of the appointment is signed in."""
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    sign_in(client, reservation.person)
    return client


def published(version: int = 3, **changes) -> Questionnaire:
    """Newer questions: without the one about anticoagulants, and with another."""
    data = raw()
    data["items"] = [item for item in data["items"] if item["id"] != "bleeding"]
    texts = {"ko": "오늘 식사를 했습니까?", "en": "Have you eaten today?"}
    data["items"].append({"id": "eaten", "kind": "yes_no", "text": texts})
    return Questionnaire.objects.create(
        version=version, content=data, by="staff:1", published_at=Now(), **changes
    )


def raw() -> dict:
    return content_data(2)


# The questions as data


@pytest.mark.parametrize(("version", "begins"), [(1, "43a946a1b5ad3236"), (2, "3c038461e7478af8")])
def test_a_delivered_version_never_changes(version, begins):
    digest = sha256(json.dumps(content_data(version), sort_keys=True).encode()).hexdigest()

    assert digest[:16] == begins, "a changed question is a new version"


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.update(items=[]),
        lambda data: data.update(items="x"),
        lambda data: data.update(title={"ko": "예진표", "en": ""}),
        lambda data: data["items"][0].update(id="No such code"),
        lambda data: data["items"][0].update(id="allergy"),
        lambda data: data["items"][0].update(kind="essay"),
        lambda data: data["items"][0].update(text={"ko": "x" * 301, "en": "x"}),
        lambda data: data["items"][0].update(text={"ko": "a\nb", "en": "x"}),
        lambda data: data["items"][0].pop("detail"),
        lambda data: data["items"][0].update(doctor=["maybe"]),
        lambda data: data["items"][0].update(doctor=[["yes"]]),
        lambda data: data["items"][0].update(max_length=100_000),
        lambda data: data["items"][3]["options"].pop(1),  # a flag named it
        lambda data: data["items"][3].update(options=data["items"][3]["options"][:1]),
        lambda data: data["items"].append(3),
    ],
)
def test_what_is_no_questionnaire_is_refused(change):
    data = raw()
    change(data)

    with pytest.raises(BadQuestionnaire) as refusal:
        read_content(data)
    assert refusal.value.problems


def test_answers_are_picked_and_flagged():
    items = delivered_content().items
    typed = {
        **ON_ANTICOAGULANTS,
        "sick": "perhaps",
        "immune_detail": "of a no",
        "covid": "recent",
        "more": "x" * 999,
        "unknown": "yes",
    }

    answers = picked(items, typed)

    assert "sick" not in answers
    assert not answers.keys() & {"unknown", "immune_detail"}
    assert answers["bleeding_detail"] == "와파린"
    assert len(answers["more"]) == 300
    assert [item.id for item in flagged(items, answers)] == ["bleeding", "covid"]


# The person's page


def test_the_receipt_leads_to_the_questions(citizen, reservation, address):
    receipt = citizen.get(reverse("reservation", args=[reservation.number]))
    page = citizen.get(address).content.decode()

    assert address in receipt.content.decode()
    assert "Do you feel ill today?" in page
    assert reservation.slot.clinic.name in page


def test_answers_are_sent_once_and_only_ciphertext_is_stored(citizen, reservation, address):
    sending = posted(reservation, ON_ANTICOAGULANTS)

    answers = [citizen.post(address, sending) for _ in range(2)]
    page = citizen.get(address).content.decode()

    response = stored(reservation)
    assert [answer.status_code for answer in answers] == [302, 302]
    assert sent_answers(response) == ON_ANTICOAGULANTS
    assert (response.revision, response.version, response.by) == (1, 2, "citizen")
    assert "와파린" in page
    assert "Speak to the doctor before the vaccination" in page
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(r)::text FROM vaccination_questionnaireresponse AS r")
        [[text]] = cursor.fetchall()
    assert "와파린" not in text
    assert "bleeding" not in text
    kinds = [event.kind for event in story_of(reservation.person_id)]
    assert kinds.count("questionnaire_answered") == 1


def test_what_is_missing_is_said_and_nothing_is_stored(citizen, reservation, address):
    without_detail = {**HEALTHY, "sick": "yes", "sick_detail": " "}
    del without_detail["covid"]

    page = citizen.post(address, posted(reservation, without_detail))

    content = page.content.decode()
    assert page.status_code == 422
    assert "Question 3: write what it is." in content
    assert "Question 12: choose an answer." in content
    assert not QuestionnaireResponse.objects.exists()


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"q_sick": "<script>alert(1)</script>"}, 422),
        ({"q_more": "x" * 301}, 422),
        ({"q_more": "a\x00b"}, 422),
        ({"version": "7"}, 409),
        ({"version": ""}, 409),
        ({"version": "9" * 40}, 409),
        ({"slot": "0"}, 409),
        ({"revision": "-1"}, 409),
    ],
)
def test_odd_input_stores_nothing(citizen, reservation, address, values, status):
    page = citizen.post(address, {**posted(reservation, HEALTHY), **values})

    assert page.status_code == status
    assert not QuestionnaireResponse.objects.exists()
    # What was answered is still on the page.
    assert page.context["form"]["q_covid"].value() == "earlier"


def test_script_in_a_text_is_shown_as_text(citizen, reservation, address):
    text = "<script>alert(1)</script>"
    citizen.post(address, posted(reservation, {**HEALTHY, "more": text}))

    page = citizen.get(address).content.decode()

    assert text not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_draft_is_shown_again_and_no_answer(citizen, reservation, address):
    page = citizen.post(address, {"q_sick": "no", "q_bleeding_detail": "와파린", "draft": "1"})
    shown = citizen.get(page.url)

    assert shown.context["form"]["q_sick"].value() == "no"
    assert shown.context["form"]["q_bleeding_detail"].value() == "와파린"
    assert "Saved, not sent yet." in shown.content.decode()
    assert sent_answers(stored(reservation)) is None
    # Sent answers stay until other ones are sent.
    citizen.post(address, posted(reservation, HEALTHY))
    citizen.post(address, {"q_sick": "yes", "draft": "1"})
    assert sent_answers(stored(reservation)) == HEALTHY


def test_another_language_shows_what_was_typed(citizen, address):
    page = citizen.post(address, {"q_sick": "yes", "q_sick_detail": "열", "language": "ko"})

    assert page.context["form"]["q_sick_detail"].value() == "열"
    assert "오늘 아픈 곳이 있습니까?" in page.content.decode()
    assert not QuestionnaireResponse.objects.exists()


def test_answers_can_be_deleted_before_the_visit(citizen, reservation, address):
    citizen.post(address, posted(reservation, ON_ANTICOAGULANTS))
    delete = reverse("questions_delete", args=[reservation.number])

    citizen.get(delete)
    assert sent_answers(stored(reservation)) == ON_ANTICOAGULANTS
    citizen.post(delete)

    response = stored(reservation)
    assert (response.content, response.draft, response.sent_at) == (None, None, None)
    # A page from before the deletion brings nothing back unasked.
    page = citizen.post(address, {**posted(reservation, HEALTHY), "revision": "0"})
    assert page.status_code == 409
    citizen.post(address, posted(reservation, HEALTHY))
    assert sent_answers(stored(reservation)) == HEALTHY


@pytest.mark.parametrize("language", ["zh-hans", "vi"])
def test_delivered_questions_are_in_the_languages_of_the_portal(language):
    content = delivered_content()
    words = [content.title]
    for item in content.items:
        words += [item.text, *filter(None, [item.detail]), *(each.text for each in item.options)]

    with translation.override(language):
        untranslated = [text.en for text in words if str(text) in (text.en, text.ko)]

    assert untranslated == []


def test_a_typed_answer_is_shown_as_it_was_typed():
    [item] = [item for item in delivered_content().items if item.kind == QuestionKind.TEXT]

    with translation.override("vi"):
        [shown] = [row.answer for row in answered([item], {item.id: "No"})]
        assert str(shown) == "No"


# Who may see them


@pytest.mark.parametrize("name", ["questions", "questions_delete"])
def test_number_and_phone_do_not_open_answers(client, reservation, name):
    sent(reservation, ON_ANTICOAGULANTS)
    client.post(
        reverse("lookup"), {"number": reservation.number, "phone": reservation.person.phone}
    )
    assert looked_up.cookie in client.cookies
    there = reverse(name, args=[reservation.number])

    for answer in (client.get(there), client.post(there, posted(reservation, HEALTHY))):
        assert (answer.status_code, answer.url.split("?")[0]) == (302, reverse("identity"))
    # Nor does another person's session in the same browser.
    sign_in(client, PersonFactory())
    for answer in (client.get(there), client.post(there, posted(reservation, HEALTHY))):
        assert answer.url == reverse("reservation", args=[reservation.number])
    assert sent_answers(stored(reservation)) == ON_ANTICOAGULANTS


def test_a_stranger_is_sent_to_the_lookup(client, reservation, address):
    sign_in(client, PersonFactory())

    answers = [client.get(address), client.post(address, posted(reservation, HEALTHY))]

    assert [answer.url.split("?")[0] for answer in answers] == [reverse("lookup")] * 2
    assert client.get("/reservations/nobody/questions/").status_code == 404
    assert not QuestionnaireResponse.objects.exists()


def test_a_proxy_sees_only_what_the_proxy_answered(reservation):
    sent(reservation, HEALTHY, proxy_id=7)
    sent(reservation, ON_ANTICOAGULANTS)  # the person, who sees everything

    for act in (
        partial(sent, reservation, HEALTHY, proxy_id=7),
        partial(save_draft, reservation=reservation, answers=HEALTHY, proxy_id=7),
        partial(withdraw_answers, reservation=reservation, proxy_id=7),
    ):
        with pytest.raises(AnsweredByPerson):
            act()
    assert sent_answers(stored(reservation)) == ON_ANTICOAGULANTS


def test_answers_of_another_row_are_not_believed(reservation):
    sent(reservation, HEALTHY)
    other = ReservationFactory()
    sent(other, ON_ANTICOAGULANTS)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE vaccination_questionnaireresponse SET content = ("
            "SELECT content FROM vaccination_questionnaireresponse WHERE reservation_id = %s)",
            [other.pk],
        )

    assert sent_answers(stored(other)) == ON_ANTICOAGULANTS
    with pytest.raises(UnreadableData):
        sent_answers(stored(reservation))


# Outdated pages


def test_a_moved_appointment_takes_the_answers_along(citizen, reservation, address):
    old_page = posted(reservation, HEALTHY)
    citizen.post(address, posted(reservation, ON_ANTICOAGULANTS))
    slot = SlotFactory(clinic=ClinicFactory(name="나의원"), vaccine=reservation.slot.vaccine)
    change_reservation(reservation=reservation, slot_id=slot.pk, by="citizen")

    page = citizen.post(address, old_page)

    assert page.status_code == 409
    assert "Your appointment was moved" in page.content.decode()
    assert "나의원" in page.content.decode()
    assert page.context["form"]["q_bleeding"].value() == "no"
    assert sent_answers(stored(reservation)) == ON_ANTICOAGULANTS


def test_newer_questions_carry_the_answers_and_ask_the_rest(citizen, reservation, address):
    old_page = posted(reservation, HEALTHY)
    published()

    page = citizen.post(address, old_page)

    form = page.context["form"]
    assert page.status_code == 409
    assert (form["q_covid"].value(), form["q_eaten"].value()) == ("earlier", None)
    assert "q_bleeding" not in form.fields
    missing = citizen.post(address, {**old_page, "version": 3})
    assert missing.status_code == 422
    citizen.post(address, {**old_page, "version": 3, "q_eaten": "yes"})
    assert stored(reservation).version == 3


def test_answers_stay_with_the_version_that_asked(citizen, reservation, address):
    citizen.post(address, posted(reservation, ON_ANTICOAGULANTS))
    published()

    page = citizen.get(address).content.decode()

    assert "anticoagulants" in page
    assert "Have you eaten today?" not in page
    assert [item.id for item in flagged_items(stored(reservation))] == ["bleeding"]


def test_a_version_is_read_once_for_all_who_answered_it(django_assert_num_queries):
    published()
    rows = ReservationFactory.create_batch(3)
    for row in rows:
        sent(row, {**HEALTHY, "covid": "recent"})

    with django_assert_num_queries(2):
        waiting = waiting_for_doctor(rows)

    assert waiting == {row.pk for row in rows}


def test_the_newer_of_two_pages_is_not_overwritten(reservation):
    first_page = page_of(reservation)
    sent(reservation, ON_ANTICOAGULANTS)

    with pytest.raises(AnsweredMeanwhile):
        sent(reservation, HEALTHY, shown=first_page)
    assert sent_answers(stored(reservation)) == ON_ANTICOAGULANTS


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (partial(cancel_reservation, by="citizen"), "does not stand any more"),
        (partial(mark_arrived, by="staff:1"), "tell the staff at the counter"),
    ],
)
def test_what_can_not_be_sent_is_shown_to_be_read_out(citizen, reservation, act, words, clock):
    clock.move_to(reservation.slot.starts_at - timedelta(hours=30))
    sign_in(citizen, reservation.person)
    there = reverse("questions", args=[reservation.number])
    old_page = posted(reservation, ON_ANTICOAGULANTS)
    if act.func is mark_arrived:
        clock.move_to(reservation.slot.starts_at)
    act(reservation=reservation)

    answers = [citizen.post(there, old_page), citizen.post(there, {**old_page, "draft": "1"})]

    for page in answers:
        assert page.status_code == 409
        assert words in page.content.decode()
        assert "와파린" in page.content.decode()
    assert citizen.get(there).status_code == 200
    assert not QuestionnaireResponse.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_pages_sent_at_once_leave_the_answers_of_one(reservation):
    shown = page_of(reservation)

    outcomes = at_once(
        [
            partial(sent, reservation, answers, shown=shown)
            for answers in (HEALTHY, ON_ANTICOAGULANTS)
        ]
    )

    refused = [outcome for outcome in outcomes if isinstance(outcome, AnsweredMeanwhile)]
    assert len(refused) == 1
    assert stored(reservation).revision == 1


# The end of them


def test_answers_are_destroyed_after_their_time(reservation, clock):
    sent(reservation, ON_ANTICOAGULANTS)
    starts_at = reservation.slot.starts_at

    counts = [
        clock.call_at(starts_at + timedelta(days=days), purge)["answers before vaccinations"]
        for days in (29, 31, 32)
    ]

    response = stored(reservation)
    assert counts == [0, 1, 0]
    assert (response.content, response.draft, response.version) == (None, None, 2)
    assert response.sent_at
    assert flagged_items(response) == []


def test_answers_of_a_cancelled_appointment_go_the_next_day(reservation, clock):
    sent(reservation, HEALTHY)
    clock.freeze()
    cancel_reservation(reservation=reservation, by="staff:1")

    counts = [
        clock.call_at(clock.now() + timedelta(hours=hours), purge)["answers before vaccinations"]
        for hours in (23, 25)
    ]

    assert counts == [0, 1]


def test_a_forgotten_person_leaves_no_answers(reservation, clock):
    sent(reservation, HEALTHY)
    save_draft(reservation=reservation, answers={"sick": "yes"})

    forget([reservation.person_id], now=clock.now())

    assert (stored(reservation).content, stored(reservation).draft) == (None, None)


def test_a_published_version_never_changes():
    row = published()

    for act in (row.delete, partial(Questionnaire.objects.update, content={})):
        with pytest.raises(DatabaseError), transaction.atomic():
            act()


def test_the_keys_of_answers_are_rotated_too():
    names = {field.name for model, field in encrypted_columns() if model is QuestionnaireResponse}
    assert names == {"content", "draft"}


def test_the_cookie_of_identity_is_what_counts(citizen, address):
    del citizen.cookies[COOKIE]

    assert citizen.get(address).url.split("?")[0] == reverse("lookup")
