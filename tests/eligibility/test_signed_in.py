"""Who is signed in, for whom they act, and how it ends everywhere at once."""

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from eligibility import sessions
from eligibility.models import Proxy
from tests.eligibility.signing_in import sign_in
from tests.factories import PersonFactory

pytestmark = pytest.mark.django_db


def browser_of(person) -> Client:
    browser = Client()
    sign_in(browser, person)
    return browser


def act(browser: Client, proxy: Proxy):
    return browser.post(reverse("family_act", args=[proxy.pk]))


def who(browser: Client) -> sessions.Who | None:
    return sessions.read_cookie(browser.cookies[sessions.COOKIE].value)


def test_signing_out_clears_what_the_browser_kept():
    browser = browser_of(PersonFactory())

    answer = browser.post(reverse("identity_sign_out"))

    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'


def test_acting_for_one_person_opens_no_way_to_those_they_act_for():
    attacker, mother, grandma = PersonFactory.create_batch(3)
    hers = Proxy.objects.create(person=grandma, by=mother)
    theirs = Proxy.objects.create(person=mother, by=attacker)
    browser = browser_of(attacker)
    act(browser, theirs)

    act(browser, hers)

    assert (who(browser).person_id, who(browser).by_id) == (mother.pk, attacker.pk)
    assert browser.get("/eligibility/").context["person"]["name"] == mother.name


def test_back_is_who_signed_in_first_whatever_was_tried_between():
    attacker, mother, grandma = PersonFactory.create_batch(3)
    hers = Proxy.objects.create(person=grandma, by=mother)
    theirs = Proxy.objects.create(person=mother, by=attacker)
    browser = browser_of(attacker)
    act(browser, theirs)
    act(browser, hers)

    browser.post(reverse("family_back"))

    assert (who(browser).person_id, who(browser).by_id) == (attacker.pk, None)
    assert browser.get("/identity/data/").context["person"] == attacker


def test_back_works_after_acting_was_ended_and_opens_only_oneself():
    child, mother = PersonFactory.create_batch(2)
    proxy = Proxy.objects.create(person=mother, by=child)
    browser = browser_of(child)
    act(browser, proxy)
    browser_of(mother).post(reverse("family_end", args=[proxy.pk]))

    outside = browser.get("/eligibility/")
    browser.post(reverse("family_back"))

    assert outside["Location"].startswith("/identity/")
    assert browser.get("/identity/data/").context["person"] == child


def test_signing_out_everywhere_ends_every_browser_at_once():
    person = PersonFactory()
    here, there = browser_of(person), browser_of(person)
    kept = there.cookies[sessions.COOKIE].value

    here.post(reverse("identity_sign_out"), {"everywhere": "1"})
    there.cookies[sessions.COOKIE] = kept
    answers = [browser.get("/identity/data/") for browser in (here, there)]

    assert [answer["Location"] for answer in answers] == [
        "/identity/?next=%2Fidentity%2Fdata%2F"
    ] * 2
    assert browser_of(person).get("/identity/data/").status_code == 200


def test_signing_out_here_leaves_other_browsers():
    person = PersonFactory()
    here, there = browser_of(person), browser_of(person)

    here.post(reverse("identity_sign_out"))

    assert here.get("/identity/data/").status_code == 302
    assert there.get("/identity/data/").status_code == 200


@pytest.mark.parametrize("whose", ["person", "proxy"])
def test_acting_ends_when_either_of_the_two_signs_out_everywhere(whose):
    child, mother = PersonFactory.create_batch(2)
    proxy = Proxy.objects.create(person=mother, by=child)
    browser = browser_of(child)
    act(browser, proxy)

    other = browser_of(mother if whose == "person" else child)
    other.post(reverse("identity_sign_out"), {"everywhere": "1"})

    assert browser.get("/eligibility/").status_code == 302


def test_whoever_acts_signs_out_themselves_everywhere_not_the_person():
    child, mother = PersonFactory.create_batch(2)
    proxy = Proxy.objects.create(person=mother, by=child)
    browser, hers = browser_of(child), browser_of(mother)
    act(browser, proxy)

    browser.post(reverse("identity_sign_out"), {"everywhere": "1"})

    assert hers.get("/identity/data/").status_code == 200
    assert browser.get("/family/").status_code == 302


def test_the_page_offers_it():
    page = browser_of(PersonFactory()).get("/identity/data/").content.decode()

    assert 'name="everywhere"' in page


def test_a_cookie_costs_one_statement(django_assert_num_queries):
    response = HttpResponse()
    sessions.sign_in(response, person_id=PersonFactory().pk)

    with django_assert_num_queries(1):
        assert sessions.who_from(response.cookies[sessions.COOKIE].value)
