"""Who is signed in, for whom they act, and how it ends everywhere at once."""

from itertools import product

import pytest
from django.db.models import F
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from eligibility import sessions
from eligibility.models import Person, Proxy
from tests.clock import clock
from tests.eligibility.signing_in import FamilyClient, sign_in
from tests.factories import PersonFactory

pytestmark = pytest.mark.django_db


def browser_of(person) -> Client:
    browser = FamilyClient()
    sign_in(browser, person)
    return browser


def act(browser: Client, proxy: Proxy):
    return browser.post(reverse("family_act", args=[proxy.pk]))


def who(browser: Client) -> sessions.Claim | None:
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


def test_a_copied_cookie_proves_nothing_after_signing_out_here():
    person = PersonFactory()
    here, thief = browser_of(person), Client()
    thief.cookies[sessions.COOKIE] = here.cookies[sessions.COOKIE].value
    assert thief.get("/identity/data/").status_code == 200

    here.post(reverse("identity_sign_out"))

    assert thief.get("/identity/data/").status_code == 302
    assert thief.get("/eligibility/").status_code == 302
    assert browser_of(person).get("/identity/data/").status_code == 200


def test_signing_out_while_acting_ends_the_session_that_acting_began_in():
    child, mother = PersonFactory.create_batch(2)
    proxy = Proxy.objects.create(person=mother, by=child)
    browser, hers = browser_of(child), browser_of(mother)
    before = browser.cookies[sessions.COOKIE].value
    act(browser, proxy)
    acting = browser.cookies[sessions.COOKIE].value

    browser.post(reverse("identity_sign_out"))

    for copied in (before, acting):
        thief = Client()
        thief.cookies[sessions.COOKIE] = copied
        assert thief.get("/eligibility/").status_code == 302
        thief.post(reverse("family_back"))
        assert thief.get("/identity/data/").status_code == 302
    assert hers.get("/identity/data/").status_code == 200


def test_ended_sessions_are_forgotten_with_their_cookies_and_many_end_all(settings, clock):
    person = PersonFactory()
    clock.freeze()
    first = browser_of(person)
    first.post(reverse("identity_sign_out"))
    clock.forward(days=settings.IDENTITY_DAYS + 2)
    for _time in range(sessions._MOST_ENDED):
        clock.forward(seconds=1)
        browser_of(person).post(reverse("identity_sign_out"))
    other = browser_of(person)
    person.refresh_from_db()
    assert (len(person.ended_sessions), person.session_generation) == (sessions._MOST_ENDED, 0)

    clock.forward(seconds=1)
    browser_of(person).post(reverse("identity_sign_out"))

    person.refresh_from_db()
    assert (person.ended_sessions, person.session_generation) == ([], 1)
    assert other.get("/identity/data/").status_code == 302


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

    claim = sessions.read_cookie(response.cookies[sessions.COOKIE].value)

    with django_assert_num_queries(1):
        assert sessions.find_session(claim).person_id == claim.person_id


PROXIES = ["none", "live", "sees earlier", "ended", "another's"]


def claim_and_rows(acting: bool, old: bool, by_old: bool, kind: str, ended: str = ""):
    """A claim of a session that is over in some way or none, and the rows it depends on."""
    person, mother, other = PersonFactory.create_batch(3)
    if kind != "none":
        Proxy.objects.create(
            person=person,
            by=other if kind == "another's" else mother,
            shows_earlier=kind == "sees earlier",
            ended_at=clock.now() if kind == "ended" else None,
        )
    Person.objects.filter(pk=person.pk).update(session_generation=3)
    Person.objects.filter(pk=mother.pk).update(session_generation=5)
    claim = sessions.Claim(
        person_id=person.pk,
        verified_at=clock.now(),
        generation=3 - old,
        by_id=mother.pk if acting else None,
        by_generation=5 - by_old,
    )
    if ended:
        of = person if ended == "person" else mother
        Person.objects.filter(pk=of.pk).update(ended_sessions=[1, claim.number])
    proxy = Proxy.objects.filter(person=person, ended_at=None).select_related("by").first()
    return claim, Person.objects.get(pk=person.pk), proxy


@pytest.mark.parametrize("kind", PROXIES)
def test_a_session_has_ended_in_sql_when_it_has_in_python(kind):
    outcomes = []
    for acting, old, by_old in product([False, True], repeat=3):
        claim, person, proxy = claim_and_rows(acting, old, by_old, kind)

        found = sessions.find_session(claim)

        assert found == sessions.session_from_rows(claim, person, proxy), claim
        annotated = Person.objects.annotate(sees_from=sessions.SeesFrom(claim)).get(pk=person.pk)
        assert claim.session(annotated.sees_from) == found
        outcomes.append(found)
    may_act = kind in ("live", "sees earlier")
    holds = [True, True, False, False, may_act, False, False, False]
    assert [outcome is not None for outcome in outcomes] == holds
    if may_act:
        shown = sessions.EVERYTHING_FROM if kind == "sees earlier" else proxy_of(outcomes[4])
        assert outcomes[4].sees_from == shown


@pytest.mark.parametrize(
    ("acting", "ended", "holds"),
    [
        (False, "person", False),
        (False, "proxy", True),
        (True, "person", True),
        (True, "proxy", False),
    ],
)
def test_a_session_ends_with_who_signed_in(acting, ended, holds):
    claim, person, proxy = claim_and_rows(acting, old=False, by_old=False, kind="live", ended=ended)

    found = sessions.find_session(claim)

    assert (found is not None) == holds
    assert found == sessions.session_from_rows(claim, person, proxy)


def proxy_of(session: sessions.Session):
    return Proxy.objects.get(person=session.person_id).declared_at


def test_a_person_who_is_gone_has_no_session():
    claim = sessions.Claim(person_id=0, verified_at=clock.now())

    assert sessions.find_session(claim) is None
    assert sessions.session_from_rows(claim, None, None) is None


def test_the_page_of_a_person_checks_the_session_as_it_reads_them(django_assert_num_queries):
    browser = browser_of(PersonFactory())
    Person.objects.update(session_generation=F("session_generation") + 1)

    with django_assert_num_queries(1):
        answer = browser.get("/identity/data/")

    assert answer.status_code == 302
