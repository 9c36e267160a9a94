"""Signing in with a passkey, and what is no passkey."""

import json
from copy import deepcopy

import pytest

from database.clock import Now
from staff.door.passkeys import site
from staff.door.services import enrol, remove_second_factor
from staff.models import Authenticator, Notice, Passkey, RecoveryCodes
from staff.models.devices import new_key
from staff.models.passkeys import MOST
from tests.concurrency import at_once
from tests.factories import StaffFactory
from tests.staff.signing_in import StaffClient, authenticator_of, code_of
from tests.staff.soft_passkey import BE, BS, ORIGIN, UP, UV, SoftPasskey

pytestmark = pytest.mark.django_db
LOGIN, FACTOR, ADD = "/admin/login/", "/admin/second-factor/", "/admin/account/passkeys/"
CODES = "/admin/second-factor/codes/"
SIGN_IN, ACCOUNT, AGAIN = "/admin/passkey/", "/admin/account/", "/admin/account/again/"
RIGHT = "seven long winding rivers"


@pytest.fixture(autouse=True)
def _address(settings):
    settings.PUBLIC_URL = ORIGIN


@pytest.fixture
def desk():
    user = StaffFactory(username="desk")
    user.set_password(RIGHT)
    user.save()
    return user


@pytest.fixture
def passkey(client, desk) -> SoftPasskey:
    """Added by its owner, who is signed out again."""
    client.force_login(desk)
    passkey = add(client)
    client.post("/admin/logout/")
    Notice.objects.update(read_at=Now())
    return passkey


def add(client, name="clinic tablet", *, keeps_codes=True, **how) -> SoftPasskey:
    passkey = SoftPasskey(**how)
    options = client.get(ADD).context["options"]
    client.post(ADD, {"name": name, "credential": passkey.create(options)})
    if keeps_codes:
        client.post(CODES)
    return passkey


def options_of(client, page=LOGIN) -> str:
    return client.get(page).context["passkey_options"]


def sign_in(client, passkey, options="", **more):
    answer = passkey.get(options or options_of(client))
    return client.post(SIGN_IN, {"credential": answer, **more})


def is_signed_in(client) -> bool:
    client.post("/admin/account/notices/", {"until": 10**9})
    return client.get("/admin/").status_code == 200


def test_a_passkey_alone_signs_in(client, desk, passkey):
    asked = json.loads(options_of(client))
    assert (asked["userVerification"], asked.get("allowCredentials", [])) == ("required", [])

    answer = sign_in(client, passkey, next="/admin/account/")

    assert answer.url == "/admin/account/"
    [row] = client.get(ACCOUNT).context["passkeys"]
    assert (row.name, row.is_synced, row.sign_count) == ("clinic tablet", False, 1)
    assert row.last_used_at
    assert "clinic tablet" in client.get(ACCOUNT).content.decode()


def test_a_passkey_is_a_second_factor(client, desk, passkey):
    client.post(LOGIN, {"username": "desk", "password": RIGHT})
    options = options_of(client, FACTOR)

    assert [key["id"] for key in json.loads(options)["allowCredentials"]]
    assert client.post(FACTOR, {"credential": passkey.get(options)}).url == "/admin/"
    assert is_signed_in(client)


def test_the_first_sign_in_may_set_up_a_passkey_and_gets_recovery_codes(client, desk):
    client.post(LOGIN, {"username": "desk", "password": RIGHT})
    assert client.get(ACCOUNT).url == "/admin/second-factor/set-up/"

    passkey = add(client, keeps_codes=False)

    assert len(client.get(CODES).context["codes"]) == 10
    client.post(CODES)
    assert is_signed_in(client)
    assert not Authenticator.objects.exists()
    client.post("/admin/logout/")
    client.post(LOGIN, {"username": "desk", "password": RIGHT})
    assert client.get("/admin/").url == FACTOR
    client.post("/admin/logout/")
    sign_in(client, passkey)
    assert is_signed_in(client)


def test_a_recovery_code_replaces_a_lost_passkey(client, desk):
    client.post(LOGIN, {"username": "desk", "password": RIGHT})
    add(client, keeps_codes=False)
    codes = client.get(CODES).context["codes"]
    client.post(CODES)
    client.post("/admin/logout/")
    client.post(LOGIN, {"username": "desk", "password": RIGHT})

    client.post(FACTOR, {"code": codes[3]})

    assert is_signed_in(client)


def other_browser(client, passkey, desk):
    """Its challenge was made for another browser."""
    return {"credential": passkey.get(options_of(StaffClient()))}


def replayed(client, passkey, desk):
    answer = passkey.get(options_of(client))
    assert client.post(SIGN_IN, {"credential": answer}).status_code == 302
    client.post("/admin/logout/")
    return {"credential": answer}


def of_registration(client, passkey, desk):
    """The challenge that a passkey is added with signs nobody in."""
    client.force_login(desk)
    options = client.get(ADD).context["options"]
    client.post("/admin/logout/")
    return {"credential": passkey.get(options)}


def with_changes(**values):
    def change(client, passkey, desk):
        for name, value in values.items():
            setattr(passkey, name, value)
        return {"credential": passkey.get(options_of(client))}

    return change


def signed_by_another_key(client, passkey, desk):
    passkey.key = SoftPasskey().key
    return {"credential": passkey.get(options_of(client))}


def with_the_handle_of_another(client, passkey, desk):
    passkey.handle = b"h" * 32
    return {"credential": passkey.get(options_of(client))}


def removed(client, passkey, desk):
    remove_second_factor(user=desk, by="staff:1")
    return {"credential": passkey.get(options_of(client))}


def switched_off(client, passkey, desk):
    desk.is_active = False
    desk.save()
    return {"credential": passkey.get(options_of(client))}


def says(text):
    return lambda client, passkey, desk: {"credential": text}


def made_up_challenge(client, passkey, desk):
    return {"credential": passkey.get(json.dumps({"challenge": "bm90aGluZw"}))}


@pytest.mark.parametrize(
    "forge",
    [
        other_browser,
        of_registration,
        with_changes(origin="https://jari.example.evil.example"),
        with_changes(origin="http://jari.example"),
        with_changes(rp="evil.example"),
        with_changes(flags=UP),
        with_changes(flags=UV),
        with_changes(handle=None),
        with_changes(id=b"another credential"),
        with_changes(more={"crossOrigin": True}),
        with_changes(more={"type": "webauthn.create"}),
        signed_by_another_key,
        with_the_handle_of_another,
        removed,
        switched_off,
        made_up_challenge,
        *map(says, ["", "x", "[]", "{}", "7", "null", "A" * 20_000, '{"id": 7}', "\udcff"[:0]]),
    ],
)
def test_what_is_no_answer_of_this_passkey_signs_nobody_in(client, desk, passkey, forge):
    answer = client.post(SIGN_IN, forge(client, passkey, desk))

    assert answer.url == LOGIN
    assert client.get("/admin/").url.startswith(LOGIN)
    [message] = client.get(LOGIN).context["messages"]
    assert str(message)


def test_an_answer_counts_once(client, desk, passkey):
    answer = passkey.get(options_of(client))
    copy = StaffClient()
    copy.cookies = deepcopy(client.cookies)

    client.post(SIGN_IN, {"credential": answer})
    assert is_signed_in(client)
    client.post("/admin/logout/")
    for browser in (client, copy):
        browser.post(SIGN_IN, {"credential": answer})
        assert not is_signed_in(browser)


@pytest.mark.django_db(transaction=True)
def test_an_answer_counts_once_however_many_bring_it_at_once(client, desk, passkey):
    answer = passkey.get(options_of(client))
    browsers = [StaffClient() for _number in range(6)]
    for browser in browsers:
        browser.cookies = deepcopy(client.cookies)

    at_once([lambda b=browser: b.post(SIGN_IN, {"credential": answer}) for browser in browsers])

    assert [is_signed_in(browser) for browser in browsers].count(True) == 1


def test_a_challenge_ends_after_half_an_hour(client, desk, passkey, clock):
    options = options_of(client)
    clock.forward(minutes=31)

    sign_in(client, passkey, options)

    assert not is_signed_in(client)


def test_a_copied_authenticator_is_found_by_its_counter(client, desk, passkey):
    for _time in range(3):
        sign_in(client, passkey)
        client.post("/admin/logout/")
    passkey.count = 1

    sign_in(client, passkey)

    assert not is_signed_in(client)


def test_one_without_a_counter_goes_on(client, desk):
    client.force_login(desk)
    synced = add(client, flags=UP | UV | BE | BS)
    for _time in range(2):
        client.post("/admin/logout/")
        synced.count = -1
        sign_in(client, synced)
        assert is_signed_in(client)
    assert Passkey.objects.get().is_synced


def test_the_passkey_of_somebody_else_is_no_second_factor(client, desk, passkey):
    other = StaffFactory(username="other")
    other.set_password(RIGHT)
    other.save()
    client.force_login(other)
    add(client)
    client.post("/admin/logout/")
    client.post(LOGIN, {"username": "other", "password": RIGHT})

    page = client.post(FACTOR, {"credential": passkey.get(options_of(client, FACTOR))})

    assert page.context["problem"]
    assert client.get("/admin/").url == FACTOR


class TestAdding:
    @pytest.mark.parametrize(
        "how",
        [
            {"origin": "https://evil.example"},
            {"rp": "evil.example"},
            {"flags": UP},
            {"more": {"crossOrigin": True}},
            {"more": {"type": "webauthn.get"}},
            {"more": {"challenge": "bm90aGluZw"}},
        ],
    )
    def test_what_browsers_would_not_say_adds_nothing(self, client, desk, how):
        client.force_login(desk)

        page = client.get(ADD)
        answer = SoftPasskey(**how).create(page.context["options"])
        page = client.post(ADD, {"name": "x", "credential": answer})

        assert page.status_code == 422
        assert not Passkey.objects.exists()

    @pytest.mark.parametrize("answer", ["", "x", "{}", "[]", "A" * 20_000])
    def test_odd_answers_add_nothing(self, client, desk, answer):
        client.force_login(desk)

        page = client.post(ADD, {"name": "x", "credential": answer})

        assert page.status_code in (200, 422)
        assert not Passkey.objects.exists()

    def test_a_challenge_of_signing_in_adds_nothing(self, client, desk):
        client.force_login(desk)
        add(client)
        user = json.loads(client.get(ADD).context["options"])["user"]
        options = json.dumps({**json.loads(options_of(client, AGAIN)), "user": user})

        page = client.post(ADD, {"name": "x", "credential": SoftPasskey().create(options)})

        assert page.status_code == 422

    def test_names_and_credentials_are_known_once(self, client, desk):
        client.force_login(desk)
        first = add(client)
        same_name = client.post(
            ADD,
            {
                "name": "clinic tablet",
                "credential": SoftPasskey().create(client.get(ADD).context["options"]),
            },
        )
        again = client.post(
            ADD,
            {"name": "another", "credential": first.create(client.get(ADD).context["options"])},
        )

        assert (same_name.status_code, again.status_code) == (422, 422)
        assert Passkey.objects.count() == 1

    def test_all_of_a_user_have_one_handle_that_names_nobody(self, client, desk):
        client.force_login(desk)
        first, second = add(client, "one"), add(client, "two")

        assert first.handle == second.handle
        assert b"desk" not in first.handle
        assert str(desk.pk).encode() != first.handle
        options = json.loads(client.get(ADD).context["options"])
        assert len(options["excludeCredentials"]) == 2
        assert options["authenticatorSelection"]["residentKey"] == "required"

    def test_there_is_a_number_of_them(self, client, desk):
        client.force_login(desk)
        for number in range(MOST):
            add(client, f"key {number}")

        assert client.get(ADD).context["options"] == ""

    def test_a_browser_that_was_left_open_adds_none(self, client, desk, clock):
        clock.freeze()
        client.force_login(desk)
        assert client.get(ADD).status_code == 200
        clock.forward(minutes=11)

        assert client.get(ADD).url == AGAIN
        assert client.post(ADD, {"name": "x", "credential": "{}"}).url == AGAIN


class TestAgain:
    @pytest.fixture(autouse=True)
    def _left_open(self, client, desk, clock):
        clock.freeze()
        self.device, self.codes = enrol(user=desk, key=new_key(), step=0)
        client.force_login(desk)
        clock.forward(minutes=11)

    @pytest.mark.parametrize(
        "address", [ADD, "/admin/password_change/", "/admin/second-factor/set-up/"]
    )
    def test_password_and_code_lead_on(self, client, address):
        assert client.get(address).url == AGAIN

        done = client.post(AGAIN, {"password": RIGHT, "code": code_of(self.device)})

        assert done.url == address
        assert client.get(address).status_code == 200

    @pytest.mark.parametrize(
        "typed", [{"password": "wrong"}, {"code": "000000"}, {"code": ""}, {"password": ""}]
    )
    def test_one_of_them_is_not_enough(self, client, typed):
        client.get(ADD)
        right = {"password": RIGHT, "code": code_of(self.device)}

        page = client.post(AGAIN, {**right, **typed})

        assert page.status_code == 200
        assert client.get(ADD).url == AGAIN
        # A code beside a wrong password is not spent.
        if typed == {"password": "wrong"}:
            assert client.post(AGAIN, right).status_code == 302

    def test_a_passkey_is_enough(self, client, desk, clock):
        client.post(AGAIN, {"password": RIGHT, "code": code_of(self.device)})
        passkey = add(client)
        clock.forward(minutes=11)
        assert client.get(ADD).url == AGAIN

        answer = passkey.get(options_of(client, AGAIN))

        assert client.post(AGAIN, {"credential": answer}).url == ADD

    def test_a_post_comes_back_to_the_account(self, client):
        before = RecoveryCodes.objects.get().hashes
        assert client.post(ACCOUNT, {"codes": "1"}).url == AGAIN
        assert RecoveryCodes.objects.get().hashes == before

        done = client.post(AGAIN, {"password": RIGHT, "code": self.codes[0]})

        assert done.url == ACCOUNT


def test_removing_one_ends_what_it_opened(client, desk, passkey):
    authenticator_of(desk)
    tablet = StaffClient()
    sign_in(tablet, passkey)
    assert is_signed_in(tablet)
    client.force_login(desk)

    client.post(f"{ADD}{Passkey.objects.get().pk}/remove/")

    assert not Passkey.objects.exists()
    assert tablet.get("/admin/").url == FACTOR
    assert client.get(ACCOUNT).status_code == 200


def test_the_last_factor_stays(client, desk):
    client.post(LOGIN, {"username": "desk", "password": RIGHT})
    add(client)

    client.post(f"{ADD}{Passkey.objects.get().pk}/remove/")

    assert Passkey.objects.count() == 1
    assert [str(message) for message in client.get(ACCOUNT).context["messages"]][-1]


def test_nobody_removes_the_passkey_of_another(client, desk, passkey):
    client.force_login(StaffFactory())

    client.post(f"{ADD}{Passkey.objects.get().pk}/remove/")

    assert Passkey.objects.count() == 1


@pytest.mark.parametrize(
    ("address", "known"),
    [
        ("https://jari.example", ("jari.example", "https://jari.example")),
        ("https://jari.example:8443/", ("jari.example", "https://jari.example:8443")),
        ("http://localhost:8000", ("localhost", "http://localhost:8000")),
        ("http://jari.example", None),
        ("https://10.0.0.1", None),
        ("http://127.0.0.1:8000", None),
        ("https://[::1]", None),
    ],
)
def test_passkeys_belong_to_the_public_address(settings, client, address, known):
    settings.PUBLIC_URL = address

    here = site()

    assert (here and (here.id, here.origin)) == known
    assert bool(client.get(LOGIN).context["passkey_options"]) is bool(known)
