from functools import partial

import pytest
from django.urls import reverse

from eligibility.exceptions import ProxyRefused
from eligibility.models import Decision, Person, Proxy
from eligibility.services import declare_proxy, end_proxy
from messaging.models import Message
from tests.concurrency import at_once
from tests.eligibility.signing_in import sign_in
from tests.factories import CohortFactory, PersonFactory, RoomFactory
from waiting_room.models import Ticket

pytestmark = pytest.mark.django_db


def details(person: Person) -> dict:
    return {"name": person.name, "birth_date": person.birth_date, "phone": person.phone}


def typed(person: Person) -> dict:
    phone = "0" + person.phone.removeprefix("+82")
    return {"name": person.name, "birth_date": f"{person.birth_date:%Y%m%d}", "phone": phone}


def test_the_person_is_told_and_has_an_answer_of_their_own():
    CohortFactory()
    mother, child = PersonFactory(), PersonFactory(name="김자녀")

    declare_proxy(by=child, **details(mother))

    message = Message.objects.get(kind="proxy")
    assert (message.to, message.person_id) == (mother.phone, mother.pk)
    assert "김자녀" not in message.text
    assert Decision.objects.get().person == mother


def test_four_people_at_most_and_the_same_one_counts_once(settings):
    child = PersonFactory()
    family = PersonFactory.create_batch(4)
    for person in [*family, family[0]]:
        declare_proxy(by=child, **details(person))

    with pytest.raises(ProxyRefused):
        declare_proxy(by=child, **details(PersonFactory()))
    end_proxy(proxy=Proxy.objects.first(), by=child)
    declare_proxy(by=child, **details(PersonFactory()))

    assert Proxy.objects.filter(ended_at=None).count() == 4


@pytest.mark.django_db(transaction=True)
def test_the_limit_holds_against_many_at_once():
    child, family = PersonFactory(), PersonFactory.create_batch(10)

    outcomes = at_once([partial(declare_proxy, by=child, **details(one)) for one in family])

    assert sum(isinstance(outcome, Proxy) for outcome in outcomes) == 4
    assert Proxy.objects.count() == 4


def test_nobody_books_for_themselves_or_beside_another_proxy():
    child, other, mother = PersonFactory.create_batch(3)
    declare_proxy(by=child, **details(mother))

    for by, person in [(child, child), (other, mother)]:
        with pytest.raises(ProxyRefused):
            declare_proxy(by=by, **details(person))


def test_a_proxy_joins_for_each_person_with_a_ticket_of_their_own(client):
    room = RoomFactory()
    child, mother = PersonFactory(), PersonFactory()
    sign_in(client, child)

    added = client.post("/family/", typed(mother))
    client.post(reverse("queue_join", args=[room.cohort.code]))
    client.post(reverse("family_act", args=[Proxy.objects.get().pk]))
    acting = client.get("/eligibility/")
    client.post(reverse("queue_join", args=[room.cohort.code]))
    client.post(reverse("family_back"))
    own = client.get("/eligibility/")

    assert added["Location"] == "/family/"
    assert set(Ticket.objects.values_list("person_id", flat=True)) == {child.pk, mother.pk}
    assert (acting.context["acting"], acting.context["person"]["name"]) == (True, mother.name)
    assert (own.context["acting"], own.context["person"]["name"]) == (False, child.name)


def test_the_person_takes_it_back_and_the_proxy_is_out_at_once(client):
    child, mother = PersonFactory(), PersonFactory()
    proxy = declare_proxy(by=child, **details(mother))
    sign_in(client, child)
    client.post(reverse("family_act", args=[proxy.pk]))
    inside = client.get("/eligibility/").status_code

    end_proxy(proxy=proxy, by=mother)
    outside = client.get("/eligibility/")

    assert inside == 200
    assert outside["Location"].startswith("/identity/")


def test_a_proxy_sees_neither_the_persons_data_nor_their_family(client):
    child, mother = PersonFactory(), PersonFactory()
    proxy = declare_proxy(by=child, **details(mother))
    sign_in(client, child)
    client.post(reverse("family_act", args=[proxy.pk]))

    answers = [client.get("/identity/data/"), client.get("/family/")]

    assert [answer["Location"] for answer in answers] == ["/eligibility/"] * 2


def test_strangers_can_neither_act_nor_end(client):
    child, mother, stranger = PersonFactory.create_batch(3)
    proxy = declare_proxy(by=child, **details(mother))
    sign_in(client, stranger)

    answers = [
        client.post(reverse(name, args=[proxy.pk])).status_code
        for name in ("family_act", "family_end")
    ]

    assert answers == [404, 404]
    assert Proxy.objects.get().ended_at is None


def test_adding_reads_the_same_for_a_known_and_an_unknown_person(client):
    child, mother = PersonFactory(), PersonFactory(name="김어머니")
    sign_in(client, child)

    answers = [
        client.post("/family/", typed(mother)),
        client.post("/family/", {**typed(mother), "name": "박모름"}),
    ]

    assert [(a.status_code, a["Location"]) for a in answers] == [(302, "/family/")] * 2


def test_trying_many_people_ends_for_the_day(client):
    child = PersonFactory()
    sign_in(client, child)
    people = [PersonFactory() for _ in range(12)]

    statuses = []
    for person in people:
        statuses.append(client.post("/family/", typed(person)).status_code)
        Proxy.objects.filter(ended_at=None).delete()

    assert statuses == [302] * 10 + [409] * 2
