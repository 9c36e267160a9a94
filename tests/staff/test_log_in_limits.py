"""Wrong passwords and codes cost work after a while, and never shut anybody out."""

from functools import partial

import pytest

from staff.door.services import enrol, unlock
from staff.enums import Step
from staff.limits import CODES_A_DAY, FREE_PER_NETWORK, WorkNeeded, attempt_of, is_guarded
from staff.models import LogInFailure
from staff.models.devices import new_key
from tests.concurrency import at_once
from tests.eligibility.test_limits import solve
from tests.factories import StaffFactory
from tests.staff.signing_in import StaffClient, authenticator_of, code_of
from web import proof_of_work

LOGIN, FACTOR = "/admin/login/", "/admin/second-factor/"
RIGHT = "seven long winding rivers"


@pytest.fixture
def desk(db):
    user = StaffFactory(username="desk")
    user.set_password(RIGHT)
    user.save()
    return user


FREE = FREE_PER_NETWORK[0]


@pytest.fixture(autouse=True)
def _proxy(settings, monkeypatch):
    settings.PROXIES = 1
    for name, value in {"_COST": 1, "_LEAST": 5, "_SPREAD": 5}.items():
        monkeypatch.setattr(proof_of_work, name, value)


def log_in(client, *, name="desk", password=RIGHT, address="198.51.100.1", **proof):
    typed = {"username": name, "password": password, **proof}
    return client.post(LOGIN, typed, headers={"X-Forwarded-For": address})


def work_of(answer) -> dict[str, str]:
    """What a browser sends after the calculation that this page asks for."""
    return {"work": solve(answer.context["challenge"])}


def wrong(times: int, *, name="desk", address="203.0.113.{}") -> list[int]:
    return [
        log_in(StaffClient(), name=name, password="x", address=address.format(n)).status_code
        for n in range(times)
    ]


def a_known_browser(user) -> StaffClient:
    client = StaffClient()
    device = authenticator_of(user)
    log_in(client)
    assert client.post("/admin/second-factor/", {"code": code_of(device)}).status_code == 302
    client.post("/admin/logout/")  # the test client's own would drop every cookie
    return client


def test_right_passwords_lock_nobody_out(desk):
    answers = [log_in(StaffClient()).status_code for _ in range(30)]

    assert answers == [302] * 30
    assert not LogInFailure.objects.exists()


def test_an_account_is_guarded_over_all_addresses(desk, clock):
    assert wrong(12) == [200] * 10 + [422] * 2

    asked = log_in(StaffClient())
    assert asked.status_code == 422
    assert "data-work" in asked.content.decode()
    assert RIGHT not in asked.content.decode()
    assert log_in(StaffClient(), **work_of(asked)).status_code == 302
    clock.forward(minutes=11)
    assert log_in(StaffClient()).status_code == 302


def test_names_that_do_not_exist_are_answered_alike(desk):
    assert wrong(12, name="nobody") == [200] * 10 + [422] * 2


def test_an_attack_does_not_close_a_clinic(desk):
    """Its browsers are known, whatever happens elsewhere or at its own address."""
    tablet = a_known_browser(desk)
    wrong(12)
    wrong(FREE + 2, name="other", address="198.51.100.1")

    assert log_in(tablet).status_code == 302


def test_a_known_browser_has_a_limit_of_its_own(desk):
    tablet = a_known_browser(desk)

    answers = [log_in(tablet, password="x").status_code for _ in range(11)]

    assert answers == [200] * 10 + [422]
    assert log_in(StaffClient()).status_code == 302


def test_a_browser_known_for_one_is_not_known_for_another(desk):
    tablet = a_known_browser(desk)
    other = StaffFactory(username="other")
    wrong(12, name="other")

    assert log_in(tablet, name="other", password="password").status_code == 422
    assert is_guarded(other)
    assert not is_guarded(desk)


@pytest.mark.parametrize("spoil", ["", "x", "W10:1:x", '{"a":1}'])
def test_a_made_up_cookie_is_no_known_browser(desk, spoil):
    wrong(12)
    client = StaffClient()
    client.cookies["jari_device"] = spoil

    assert log_in(client).status_code == 422


def test_unlocking_lets_in_at_once_and_is_on_record(desk):
    wrong(12)

    unlock(user=desk)

    assert log_in(StaffClient()).status_code == 302
    assert desk.events.filter(unlocked_at__isnull=False).count() == 1


def test_each_wrong_try_needs_work_of_its_own(desk):
    wrong(10)
    work = work_of(log_in(StaffClient(), password="x"))

    tried = log_in(StaffClient(), password="x", **work)
    again = log_in(StaffClient(), password="x", **work)

    assert (tried.status_code, again.status_code) == (200, 422)
    assert log_in(StaffClient(), **work_of(again)).status_code == 302
    assert LogInFailure.objects.count() == 11


@pytest.mark.parametrize("spoil", ["", "x", "e30=", "[]", "A" * 5000])
def test_made_up_work_is_none(desk, spoil):
    wrong(10)

    assert log_in(StaffClient(), work=spoil, wait=spoil).status_code == 422


def test_the_work_grows_as_wrong_tries_go_on(desk):
    wrong(10)
    easy = work_of(log_in(StaffClient(), password="x"))
    asked = log_in(StaffClient(), password="x")
    for _time in range(20):
        tried = log_in(StaffClient(), password="x", **work_of(asked))
        assert tried.status_code == 200
        asked = log_in(StaffClient(), password="x")

    # A challenge from before is not enough any more.
    assert log_in(StaffClient(), **easy).status_code == 422
    assert log_in(StaffClient(), **work_of(asked)).status_code == 302


def test_without_scripts_a_minute_is_enough_one_page_after_the_other(desk, clock):
    clock.freeze()
    wrong(10)
    pages = [log_in(StaffClient(), password="x") for _time in range(3)]
    waits = [{"wait": page.context["wait"]} for page in pages]
    assert log_in(StaffClient(), **waits[0]).status_code == 422
    clock.forward(seconds=61)

    tried = [log_in(StaffClient(), password="x", **wait).status_code for wait in waits]
    other = log_in(StaffClient(), name="other", password="x", **waits[1])
    clock.forward(seconds=61)

    # Pages to wait on cost nothing to collect, so one counts in a minute.
    assert tried == [200, 422, 422]
    assert other.status_code == 200
    assert log_in(StaffClient(), **waits[2]).status_code == 302


def test_a_busy_address_needs_work_and_is_never_locked(desk, clock):
    clock.freeze()
    for number in range(FREE):
        log_in(StaffClient(), name=f"n-{number}", password="x")

    asked = log_in(StaffClient())

    assert asked.status_code == 422
    assert log_in(StaffClient(), address="198.51.100.2").status_code == 302
    assert log_in(StaffClient(), **work_of(asked)).status_code == 302


class TestCodes:
    """Who types codes had the right password."""

    def half_way(self, client=None, **proof):
        client = client or StaffClient()
        answer = log_in(client, **proof)
        if answer.status_code == 422:
            answer = log_in(client, **work_of(answer))
        assert answer.url == FACTOR
        return client

    def give(self, client, code):
        answer = client.post(FACTOR, {"code": code}, headers={"X-Forwarded-For": "198.51.100.1"})
        if answer.status_code == 422:
            proof = work_of(answer)
            answer = client.post(
                FACTOR, {"code": code, **proof}, headers={"X-Forwarded-For": "198.51.100.1"}
            )
        return answer

    def guess(self, user, times):
        """Codes of an app that were wrong, from a browser that is not known."""
        attempt = attempt_of_nobody(user)
        LogInFailure.objects.bulk_create(
            LogInFailure(user=user, name_index=attempt.name_index, network="x", step=Step.CODE)
            for _time in range(times)
        )

    def test_above_the_limit_a_code_costs_work(self, desk):
        device = authenticator_of(desk)
        client = self.half_way()
        self.guess(desk, 10)

        asked = client.post(FACTOR, {"code": code_of(device)})
        assert asked.status_code == 422
        assert self.give(client, code_of(device)).status_code == 302

    def test_guessing_an_app_ends_for_the_day_and_its_owner_gets_in(self, desk, clock):
        tablet = a_known_browser(desk)
        clock.forward(minutes=2)
        device, codes = enrol(user=desk, key=new_key(), step=0)
        self.guess(desk, CODES_A_DAY)

        stranger = self.half_way()
        wrong_code = self.give(stranger, code_of(device))

        assert wrong_code.status_code == 200
        assert "복구 코드" in str(wrong_code.context["form"].errors)
        assert self.give(stranger, codes[0]).status_code == 302
        assert self.give(self.half_way(tablet), code_of(device)).status_code == 302
        clock.forward(days=1, minutes=1)
        assert self.give(self.half_way(), code_of(device)).status_code == 302

    def test_unlocking_lets_the_app_count_again(self, desk):
        device = authenticator_of(desk)
        self.guess(desk, CODES_A_DAY)

        unlock(user=desk)

        assert self.give(self.half_way(), code_of(device)).status_code == 302


def test_a_household_is_one_address(desk, clock):
    clock.freeze()
    addresses = [f"2001:db8:1:2::{number:x}" for number in range(1, FREE + 2)]
    for number, address in enumerate(addresses):
        log_in(StaffClient(), name=f"n-{number}", password="x", address=f"[{address}]:443")

    assert log_in(StaffClient(), address="2001:db8:1:2:ffff::1").status_code == 422
    assert log_in(StaffClient(), address="2001:db8:1:3::1").status_code == 302


def test_a_forged_header_is_no_other_address(desk):
    for number in range(FREE):
        log_in(
            StaffClient(), name=f"n-{number}", password="x", address=f"9.9.9.{number}, 198.51.100.1"
        )

    assert log_in(StaffClient(), address="8.8.8.8, 198.51.100.1").status_code == 422


def attempt_of_nobody(user):
    """A try that comes from a browser without any cookie."""
    from django.test import RequestFactory

    return attempt_of(RequestFactory().post(LOGIN), user.get_username(), Step.CODE)


def reserve(rf, **sent):
    request = rf.post(LOGIN, sent, headers={"X-Forwarded-For": "198.51.100.1"})
    return attempt_of(request, "desk", Step.PASSWORD).reserve()


@pytest.mark.django_db(transaction=True)
def test_many_tries_at_once_do_not_pass_together(rf):
    StaffFactory(username="desk")

    outcomes = at_once([partial(reserve, rf)] * 16)

    checked = [one for one in outcomes if not isinstance(one, WorkNeeded)]
    assert len(checked) <= 10
    assert LogInFailure.objects.count() == len(checked)


@pytest.mark.django_db(transaction=True)
def test_one_calculation_counts_for_one_of_many_tries_at_once(rf):
    user = StaffFactory(username="desk")
    TestCodes().guess(user, 10)
    work = solve(proof_of_work.new_challenge())

    outcomes = at_once([partial(reserve, rf, work=work)] * 8)

    assert [isinstance(one, WorkNeeded) for one in outcomes].count(False) == 1
