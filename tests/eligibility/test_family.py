"""Booking for somebody else: nothing of a person before their yes, and its end everywhere."""

import re
from datetime import timedelta
from functools import partial

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from booking.models import Reservation
from eligibility.enums import ProxyAnswer
from eligibility.exceptions import ProxyRefused
from eligibility.models import Decision, Person, Proxy, ProxyRequest
from eligibility.services.family import (
    REQUEST_LIFETIME,
    REQUESTS_PER_DAY,
    answer_proxy_request,
    ask_to_book_for,
    end_proxy,
)
from eligibility.services.purging import purge
from messaging.models import Message
from staff.enums import Role
from tests.booking.test_path import key_on
from tests.concurrency import at_once
from tests.eligibility.signing_in import FamilyClient, sign_in
from tests.factories import (
    AdmissionFactory,
    CohortFactory,
    PersonFactory,
    ReservationFactory,
    RoomFactory,
    SlotFactory,
    StaffFactory,
)
from tests.staff.signing_in import StaffClient
from waiting_room.models import Ticket

pytestmark = pytest.mark.django_db


def details(person: Person) -> dict:
    return {"name": person.name, "birth_date": person.birth_date, "phone": person.phone}


def typed(person: Person) -> dict:
    phone = "0" + person.phone.removeprefix("+82")
    return {"name": person.name, "birth_date": f"{person.birth_date:%Y%m%d}", "phone": phone}


def agreed(by: Person, person: Person, **values) -> Proxy:
    request = ask_to_book_for(by=by, **details(person))
    return answer_proxy_request(request=request, yes=True, by="phone", **values)


def browser_of(person: Person) -> Client:
    browser = FamilyClient(headers={"accept-language": "en"})
    sign_in(browser, person)
    return browser


def acting(by: Person, proxy: Proxy) -> Client:
    browser = browser_of(by)
    browser.post(reverse("family_act", args=[proxy.pk]))
    return browser


def messages_to(phone: str) -> list[Message]:
    """The receiver is encrypted: it is compared here, not in the database."""
    return [one for one in Message.objects.order_by("pk") if one.to == phone]


def link_sent(phone: str) -> str:
    text = [one.text for one in messages_to(phone) if "/family/answer/" in one.text][-1]
    return re.search(r"/family/answer/[0-9a-f-]{36}/", text)[0]


# Before the yes


def test_before_the_yes_nothing_of_the_person_is_shown_or_touched():
    child, mother = PersonFactory(), PersonFactory(name="김어머니")
    booked = ReservationFactory(person=mother)
    told = Decision.objects.filter(person=mother).count()
    browser = browser_of(child)
    CohortFactory()

    asked = browser.post("/family/", typed(mother))
    page = browser.get("/family/").content.decode()
    request = ProxyRequest.objects.get()
    act = browser.post(reverse("family_act", args=[request.pk]))

    assert asked["Location"] == "/family/"
    assert "Waiting for their yes" in page
    assert "Book for this person" not in page
    assert act.status_code == 404
    assert f"<dd>{child.name}</dd>" in browser.get("/eligibility/").content.decode()
    assert browser.get(reverse("reservation", args=[booked.number])).status_code == 302
    assert not Proxy.objects.exists()
    assert Decision.objects.filter(person=mother).count() == told


def without_secrets(page: str, person: Person) -> str:
    """A page without what differs from request to request."""
    page = re.sub(r'(csrfmiddlewaretoken" value=")[^"]*', r"\1", page)
    page = re.sub(r"/asked/\d+/", "/asked/N/", page)
    page = re.sub(r"<time[^>]*>.*?</time>", "", page, flags=re.S)
    return page.replace(person.name, "NAME")


@pytest.mark.parametrize("differs", [None, "name", "birth_date", "phone", "twins", "taken"])
def test_the_answer_to_asking_is_the_same_whomever_the_details_fit(differs):
    child, mother = PersonFactory(), PersonFactory(name="김어머니")
    sent = typed(mother)
    other = {"name": "박모름", "birth_date": "19440101", "phone": "010-0000-9998"}
    if differs == "twins":
        Person.objects.filter(pk=mother.pk).update(identity_index=b"another district")
        PersonFactory(name=mother.name, phone=mother.phone, birth_date=mother.birth_date)
    elif differs == "taken":
        Proxy.objects.create(person=mother, by=PersonFactory())
    elif differs:
        sent |= {differs: other[differs]}
    people = Person.objects.count()
    browser = browser_of(child)

    answer = browser.post("/family/", sent)
    page = browser.get("/family/").content.decode()

    assert (answer.status_code, answer["Location"]) == (302, "/family/")
    assert page.count("Waiting for their yes") == 2
    assert Person.objects.count() == people, "nobody is made up, and nobody looked up"


def test_two_pages_of_waiting_requests_differ_in_nothing_but_the_name():
    known = PersonFactory(name="김어머니")
    pages = []
    for name in ("김어머니", "박모르는"):
        child = PersonFactory(name="최자녀")
        browser = browser_of(child)
        browser.post("/family/", {**typed(known), "name": name})
        page = browser.get("/family/").content.decode()
        pages.append(without_secrets(page, known).replace(name, "NAME"))

    assert pages[0] == pages[1]


# The yes


def test_the_person_is_asked_in_fixed_words_and_says_yes_on_their_phone():
    CohortFactory()
    mother = PersonFactory()
    child = PersonFactory(name="질병청 evil", phone="+821012345678")
    browser_of(child).post("/family/", typed(mother))
    phone = Client(headers={"accept-language": "en"})

    text, address = Message.objects.get(kind="proxy").text, link_sent(mother.phone)
    page = phone.get(address).content.decode()
    said = phone.post(address, {"answer": "yes"})
    after = phone.get(address).content.decode()

    for words in (text, page):
        assert "010-****-5678" in words
        assert child.name not in words
        assert mother.name not in words
    assert said.status_code == 302
    assert "You said yes" in after
    proxy = Proxy.objects.get()
    assert (proxy.person, proxy.by, proxy.agreed_by) == (mother, child, "phone")
    assert acting(child, proxy).get("/eligibility/").context["person"]["name"] == mother.name
    assert Message.objects.get(key=f"proxy-yes:{proxy.pk}").to == mother.phone


def test_the_typed_details_are_destroyed_with_the_answer():
    child, mother = PersonFactory.create_batch(2)
    agreed(child, mother)

    request = ProxyRequest.objects.get()

    assert (request.name, request.birth_date, request.phone) == ("", None, "")
    assert request.answer == ProxyAnswer.YES


def test_a_no_is_a_no_and_the_address_is_used_up():
    child, mother = PersonFactory.create_batch(2)
    ask_to_book_for(by=child, **details(mother))
    phone, address = Client(), link_sent(mother.phone)

    phone.post(address, {"answer": "no"})
    late = phone.post(address, {"answer": "yes"})

    assert late.status_code == 409
    assert not Proxy.objects.exists()


def test_an_old_request_is_answered_by_nobody_and_its_details_go(clock):
    child, mother = PersonFactory.create_batch(2)
    ask_to_book_for(by=child, **details(mother))
    address = link_sent(mother.phone)
    clock.move_to(timezone.now() + REQUEST_LIFETIME + timedelta(minutes=1))

    late = Client().post(address, {"answer": "yes"})
    destroyed = purge()["requests to book for others"]

    assert late.status_code == 409
    assert destroyed == 1
    assert ProxyRequest.objects.get().phone == ""
    assert not Proxy.objects.exists()


def test_looking_at_the_address_answers_nothing():
    child, mother = PersonFactory.create_batch(2)
    ask_to_book_for(by=child, **details(mother))

    Client().get(link_sent(mother.phone))
    Client().post(link_sent(mother.phone), {"answer": "perhaps"})

    assert ProxyRequest.objects.get().answer == ProxyAnswer.WAITING


def test_whoever_signs_in_with_that_phone_answers_on_the_family_page():
    child, mother = PersonFactory.create_batch(2)
    request = ask_to_book_for(by=child, **details(mother))
    browser, stranger = browser_of(mother), browser_of(PersonFactory())

    page = browser.get("/family/").content.decode()
    stranger.post(reverse("family_reply", args=[request.pk]), {"answer": "yes"})
    before = Proxy.objects.count()
    browser.post(reverse("family_reply", args=[request.pk]), {"answer": "yes"})

    assert "Who asks to book for me" in page
    assert child.name not in page
    assert before == 0
    assert Proxy.objects.get().person == mother


def test_a_family_that_shares_a_phone_says_yes_on_it():
    child = PersonFactory()
    wanted = {"name": "김할머니", "birth_date": "19440101", "phone": typed(child)["phone"]}
    for name in ("김할머니", "김할아비"):
        browser_of(child).post("/family/", {**wanted, "name": name})

    Client().post(link_sent(child.phone), {"answer": "yes"})

    assert [one.kind for one in messages_to(child.phone)].count("proxy") == 3
    assert Proxy.objects.get().person.phone == child.phone


def test_a_shared_phone_opens_nobody_whose_phone_the_roster_knows_as_another():
    child, grandma = PersonFactory(), PersonFactory(name="김할머니")
    wanted = {**typed(grandma), "phone": typed(child)["phone"]}
    browser_of(child).post("/family/", wanted)

    Client().post(link_sent(child.phone), {"answer": "yes"})

    proxy = Proxy.objects.get()
    assert proxy.person != grandma
    assert proxy.person.roster_key is None


@pytest.mark.parametrize(
    ("role", "region", "may"),
    [(Role.AUTHORITY, "", True), (Role.LOCAL, "서울특별시", True), (Role.OPERATOR, "", False)],
)
def test_the_counter_says_yes_for_somebody_without_a_phone(role, region, may):
    child, grandma = PersonFactory(region="서울특별시"), PersonFactory()
    request = ask_to_book_for(by=child, **details(grandma))
    staff = StaffClient()
    staff.force_login(StaffFactory(role=role, region=region))
    address = reverse("admin:eligibility_proxyrequest_change", args=[request.pk])

    page = staff.get(address)
    staff.post(address, {"verdict": "yes"})

    assert (page.status_code == 200) == may
    proxy = Proxy.objects.first()
    assert (proxy is not None) == may
    if may:
        assert grandma.name in page.content.decode()
        assert proxy.agreed_by.startswith("staff:")


# After the yes


def test_what_was_booked_before_the_yes_stays_out_of_sight_and_reach():
    child, mother = PersonFactory.create_batch(2)
    earlier = ReservationFactory(person=mother)
    browser = acting(child, agreed(child, mother))

    receipt = browser.get(reverse("reservation", args=[earlier.number]))
    cancelled = browser.post(reverse("cancel", args=[earlier.number]))
    listed = browser.get(reverse("lookup")).content.decode()
    calendar = browser.get(reverse("calendar", args=[earlier.number]))

    assert receipt.status_code == cancelled.status_code == calendar.status_code == 302
    assert earlier.number not in listed
    earlier.refresh_from_db()
    assert earlier.status == "confirmed"


def test_the_person_may_show_what_was_booked_before():
    child, mother = PersonFactory.create_batch(2)
    earlier = ReservationFactory(person=mother)

    browser = acting(child, agreed(child, mother, shows_earlier=True))

    assert browser.get(reverse("reservation", args=[earlier.number])).status_code == 200


def test_what_the_proxy_books_under_the_yes_is_the_proxys_to_see():
    admission, child = AdmissionFactory(), PersonFactory()
    mother = admission.ticket.person
    browser = acting(child, agreed(child, mother))

    held = browser.post(reverse("hold"), {"slot": SlotFactory().pk})
    booked = browser.post(reverse("confirm"), {"key": key_on(held)})
    receipt = browser.get(booked["Location"])

    assert receipt.status_code == 200
    assert Reservation.objects.get().person == mother


def test_a_proxy_joins_for_each_person_with_a_ticket_of_their_own():
    room = RoomFactory()
    child, mother = PersonFactory(), PersonFactory()
    proxy = agreed(child, mother)
    browser = browser_of(child)

    browser.get("/eligibility/")
    browser.post(reverse("queue_join", args=[room.cohort.code]))
    browser.post(reverse("family_act", args=[proxy.pk]))
    browser.post(reverse("queue_join", args=[room.cohort.code]))
    browser.post(reverse("family_back"))

    assert set(Ticket.objects.values_list("person_id", flat=True)) == {child.pk, mother.pk}
    assert f"<dd>{child.name}</dd>" in browser.get("/eligibility/").content.decode()


def test_the_person_ends_it_everywhere_at_once_and_is_told():
    child, mother = PersonFactory(), PersonFactory()
    proxy = agreed(child, mother)
    browsers = [acting(child, proxy), acting(child, proxy)]
    inside = [browser.get("/eligibility/").status_code for browser in browsers]

    browser_of(mother).post(reverse("family_end", args=[proxy.pk]))
    outside = [browser.get("/eligibility/")["Location"] for browser in browsers]

    assert inside == [200, 200]
    assert all(address.startswith("/identity/") for address in outside)
    assert Message.objects.get(key=f"proxy-end:{proxy.pk}").to == mother.phone


def test_a_proxy_sees_neither_the_persons_data_nor_their_family():
    child, mother = PersonFactory(), PersonFactory()
    browser = acting(child, agreed(child, mother))

    answers = [browser.get("/identity/data/"), browser.get("/family/")]

    assert [answer["Location"] for answer in answers] == ["/eligibility/"] * 2


def test_strangers_can_neither_act_nor_end_nor_withdraw():
    child, mother, stranger = PersonFactory.create_batch(3)
    proxy = agreed(child, mother)
    request = ask_to_book_for(by=child, **details(PersonFactory()))
    browser = browser_of(stranger)

    answers = [
        browser.post(reverse("family_act", args=[proxy.pk])).status_code,
        browser.post(reverse("family_end", args=[proxy.pk])).status_code,
        browser.post(reverse("family_withdraw", args=[request.pk])).status_code,
    ]

    assert answers == [404, 404, 404]
    assert Proxy.objects.get().ended_at is None


# Limits


def test_one_phone_gets_one_message_a_day_whoever_asks(clock):
    mother = PersonFactory()
    for child in PersonFactory.create_batch(4):
        browser_of(child).post("/family/", typed(mother))
    first = len(messages_to(mother.phone))
    clock.move_to(timezone.now() + timedelta(days=1, minutes=1))
    browser_of(PersonFactory()).post("/family/", typed(mother))

    assert first == 1
    assert len(messages_to(mother.phone)) == 2


def test_asking_many_people_ends_for_the_day_whoever_of_the_phone_asks():
    child = PersonFactory()
    people = [PersonFactory() for _ in range(REQUESTS_PER_DAY + 2)]
    statuses = []
    for number, person in enumerate(people):
        asking = child if number % 2 else PersonFactory(declared=True, phone=child.phone)
        statuses.append(browser_of(asking).post("/family/", typed(person)).status_code)

    assert statuses == [302] * REQUESTS_PER_DAY + [409] * 2


def test_four_people_at_most_and_the_same_one_counts_once():
    child = PersonFactory()
    family = PersonFactory.create_batch(4)
    for person in [*family, family[0]]:
        ask_to_book_for(by=child, **details(person))

    with pytest.raises(ProxyRefused):
        ask_to_book_for(by=child, **details(PersonFactory()))

    assert ProxyRequest.objects.count() == 4


@pytest.mark.django_db(transaction=True)
def test_the_limit_holds_against_many_at_once():
    child, family = PersonFactory(), PersonFactory.create_batch(10)

    outcomes = at_once([partial(ask_to_book_for, by=child, **details(one)) for one in family])

    assert sum(isinstance(outcome, ProxyRequest) for outcome in outcomes) == 4


@pytest.mark.django_db(transaction=True)
def test_a_yes_and_a_no_at_once_are_one_answer():
    child, mother = PersonFactory.create_batch(2)
    request = ask_to_book_for(by=child, **details(mother))
    answers = [
        partial(answer_proxy_request, request=request, yes=yes, by="phone")
        for yes in (True, False, True, False)
    ]

    outcomes = at_once(answers)

    assert sum(not isinstance(outcome, Exception) for outcome in outcomes) == 1
    request.refresh_from_db()
    assert (request.answer == ProxyAnswer.YES) == Proxy.objects.exists()


def test_nobody_books_for_themselves_or_beside_another_proxy():
    child, other, mother = PersonFactory.create_batch(3)
    proxy = agreed(child, mother)

    with pytest.raises(ProxyRefused):
        ask_to_book_for(by=child, **details(child))
    with pytest.raises(ProxyRefused):
        agreed(other, mother)
    end_proxy(proxy=proxy, by=mother)

    assert agreed(other, mother).by == other
