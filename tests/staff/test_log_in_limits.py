"""How often a password may be wrong, and whom that must never shut out."""

import pytest

from staff.door.services import unlock
from staff.enums import Step
from staff.limits import FREE_PER_NETWORK, AttemptRefused, attempt_of, is_guarded
from staff.models import LogInFailure
from tests.concurrency import at_once
from tests.factories import StaffFactory
from tests.staff.signing_in import StaffClient, authenticator_of, code_of

LOGIN = "/admin/login/"
RIGHT = "seven long winding rivers"


@pytest.fixture
def desk(db):
    user = StaffFactory(username="desk")
    user.set_password(RIGHT)
    user.save()
    return user


@pytest.fixture(autouse=True)
def _proxy(settings):
    settings.PROXIES = 1


def log_in(client, *, name="desk", password=RIGHT, address="198.51.100.1"):
    return client.post(
        LOGIN, {"username": name, "password": password}, headers={"X-Forwarded-For": address}
    )


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
    assert wrong(12) == [200] * 10 + [429] * 2

    refused = log_in(StaffClient())
    assert refused.status_code == 429
    assert "잠금 해제" in refused.content.decode()
    clock.forward(minutes=11)
    assert log_in(StaffClient()).status_code == 302


def test_names_that_do_not_exist_are_answered_alike(desk):
    assert wrong(12, name="nobody") == [200] * 10 + [429] * 2


def test_an_attack_does_not_close_a_clinic(desk):
    """Its browsers are known, whatever happens elsewhere or at its own address."""
    tablet = a_known_browser(desk)
    wrong(12)
    wrong(FREE_PER_NETWORK + 2, name="other", address="198.51.100.1")

    assert log_in(tablet).status_code == 302


def test_a_known_browser_has_a_limit_of_its_own(desk):
    tablet = a_known_browser(desk)

    answers = [log_in(tablet, password="x").status_code for _ in range(11)]

    assert answers == [200] * 10 + [429]
    assert log_in(StaffClient()).status_code == 302


def test_a_browser_known_for_one_is_not_known_for_another(desk):
    tablet = a_known_browser(desk)
    other = StaffFactory(username="other")
    wrong(12, name="other")

    assert log_in(tablet, name="other", password="password").status_code == 429
    assert is_guarded(other)
    assert not is_guarded(desk)


@pytest.mark.parametrize("spoil", ["", "x", "W10:1:x", '{"a":1}'])
def test_a_made_up_cookie_is_no_known_browser(desk, spoil):
    wrong(12)
    client = StaffClient()
    client.cookies["jari_device"] = spoil

    assert log_in(client).status_code == 429


def test_unlocking_lets_in_at_once_and_is_on_record(desk):
    wrong(12)

    unlock(user=desk)

    assert log_in(StaffClient()).status_code == 302
    assert desk.events.filter(unlocked_at__isnull=False).count() == 1


def test_an_address_waits_longer_after_each_failure_and_is_never_locked(desk, clock):
    clock.freeze()
    for number in range(FREE_PER_NETWORK):
        log_in(StaffClient(), name=f"n-{number}", password="x")
    assert log_in(StaffClient()).status_code == 429
    clock.forward(seconds=2)
    assert log_in(StaffClient()).status_code == 302
    log_in(StaffClient(), name="n-x", password="x")
    clock.forward(seconds=1)
    assert log_in(StaffClient()).status_code == 429
    assert log_in(StaffClient(), address="198.51.100.2").status_code == 302
    for number in range(20):
        clock.forward(seconds=60)
        assert log_in(StaffClient(), name=f"m-{number}", password="x").status_code == 200
    clock.forward(seconds=60)
    assert log_in(StaffClient()).status_code == 302


def test_a_household_is_one_address(desk, clock):
    clock.freeze()
    addresses = [f"2001:db8:1:2::{number:x}" for number in range(1, FREE_PER_NETWORK + 2)]
    for number, address in enumerate(addresses):
        log_in(StaffClient(), name=f"n-{number}", password="x", address=f"[{address}]:443")

    assert log_in(StaffClient(), address="2001:db8:1:2:ffff::1").status_code == 429
    assert log_in(StaffClient(), address="2001:db8:1:3::1").status_code == 302


def test_a_forged_header_is_no_other_address(desk):
    for number in range(FREE_PER_NETWORK):
        log_in(
            StaffClient(), name=f"n-{number}", password="x", address=f"9.9.9.{number}, 198.51.100.1"
        )

    assert log_in(StaffClient(), address="8.8.8.8, 198.51.100.1").status_code == 429


@pytest.mark.django_db(transaction=True)
def test_many_tries_at_once_do_not_pass_together(rf):
    StaffFactory(username="desk")

    def reserve():
        request = rf.post(LOGIN, headers={"X-Forwarded-For": "198.51.100.1"})
        return attempt_of(request, "desk", Step.PASSWORD).reserve()

    outcomes = at_once([reserve] * 16)

    looked_at = [one for one in outcomes if not isinstance(one, AttemptRefused)]
    assert len(looked_at) <= 10
    assert LogInFailure.objects.count() == len(looked_at)
