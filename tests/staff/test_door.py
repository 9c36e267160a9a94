"""Signing in: password, second factor, and what stands before the first page."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from staff.door.links import tokens
from staff.door.services import enrol, remove_second_factor
from staff.enums import Act, Role
from staff.models import Access, Authenticator, LogInFailure, RecoveryCodes, Session
from staff.models.devices import matching_step, new_key
from staff.names import browser_name
from tests.factories import StaffFactory
from tests.staff.signing_in import authenticator_of, code_of

pytestmark = pytest.mark.django_db
LOGIN, FACTOR = "/admin/login/", "/admin/second-factor/"
SETUP, CODES = "/admin/second-factor/set-up/", "/admin/second-factor/codes/"
RIGHT = "seven long winding rivers"


@pytest.fixture
def desk():
    user = StaffFactory(username="desk")
    user.set_password(RIGHT)
    user.save()
    return user


def log_in(client, name="desk", password=RIGHT, **headers):
    return client.post(LOGIN, {"username": name, "password": password}, **headers)


def test_the_first_sign_in_sets_up_a_second_factor_before_anything_is_shown(client, desk):
    answer = log_in(client)
    anywhere = client.get("/admin/booking/reservation/")
    page = client.get(SETUP)
    key = page.context["form"].key

    assert [answer.url, anywhere.url] == [SETUP, SETUP]
    assert "예약" not in page.content.decode()
    done = client.post(SETUP, {"code": code_of(Authenticator(key=key))})
    assert done.url == CODES
    assert client.get("/admin/").url == CODES
    codes = client.get(CODES).context["codes"]
    assert len(set(codes)) == 10
    assert client.get("/admin/booking/reservation/").url == CODES
    assert client.post(CODES).url == "/admin/booking/reservation/"
    assert client.get("/admin/").status_code == 200
    assert client.get(CODES).url == "/admin/"
    assert Access.objects.get(act=Act.LOG_IN).user == desk


def test_a_wrong_password_while_signed_in_is_refused(client, desk):
    client.force_login(desk)

    assert log_in(client, password="x").status_code == 200
    assert client.post(LOGIN, {}).status_code == 200


def test_passwords_are_hidden_and_password_managers_find_them(client, desk):
    fields = re.compile(r'<input[^>]*name="((?:old_|new_)?password\d?)"[^>]*>')
    log_in_page = client.get(LOGIN).content.decode()
    client.force_login(desk)
    change_page = client.get("/admin/password_change/").content.decode()

    found = {match[1]: match[0] for match in fields.finditer(log_in_page + change_page)}
    assert found.keys() == {"password", "old_password", "new_password1", "new_password2"}
    for name, field in found.items():
        kind = "new" if name.startswith("new") else "current"
        assert 'type="password"' in field
        assert f'autocomplete="{kind}-password"' in field
    for script in (settings.BASE_DIR / "static/jari").glob("*.js"):
        assert "paste" not in script.read_text()


@pytest.mark.parametrize(
    "typed",
    [RIGHT.upper(), RIGHT.title(), f" {RIGHT}", f"{RIGHT} ", RIGHT[:-1], RIGHT.replace(" ", "")],
)
def test_a_password_counts_exactly_as_it_was_set(client, desk, typed):
    assert log_in(client, password=typed).status_code == 200
    assert log_in(client).status_code == 302


def test_a_password_does_not_end_by_its_age(client, desk, clock):
    authenticator_of(desk)
    clock.forward(days=3 * 365)

    assert log_in(client).url == FACTOR


def test_each_step_of_signing_in_changes_the_number_of_the_session(client, desk, clock):
    device = authenticator_of(desk)
    numbers = []
    log_in(client)
    numbers.append(client.session.session_key)
    client.post(FACTOR, {"code": code_of(device)})
    numbers.append(client.session.session_key)
    clock.forward(minutes=11)
    assert client.get("/admin/account/passkeys/").url == "/admin/account/again/"
    client.post("/admin/account/again/", {"password": RIGHT, "code": code_of(device)})
    numbers.append(client.session.session_key)

    assert client.get("/admin/account/passkeys/").status_code == 200
    assert len(set(numbers)) == 3
    assert all(re.fullmatch(r"[a-z0-9]{32}", number) for number in numbers)  # 165 bits
    assert not Session.objects.filter(session_key__in=numbers[:2]).exists()


def test_a_wrong_first_code_sets_nothing_up(client, desk):
    log_in(client)
    client.get(SETUP)

    page = client.post(SETUP, {"code": "12345"})

    assert "code" in page.context["form"].errors
    assert not Authenticator.objects.exists()
    assert client.get("/admin/").url == SETUP


def test_a_password_alone_opens_nothing(client, desk):
    device = authenticator_of(desk)

    assert log_in(client).url == FACTOR
    for address in ["/admin/", "/admin/booking/reservation/", "/admin/rq/", "/admin/account/"]:
        assert client.get(address).url == FACTOR, address
    assert client.post("/admin/account/", {"end_others": "1"}).url == FACTOR
    # Nor does it set up another second factor beside the one there is.
    assert client.get(SETUP).url == FACTOR
    assert client.post(SETUP, {"code": code_of(device)}).url == FACTOR
    assert Authenticator.objects.get() == device


def test_the_code_of_now_opens_and_only_once(client, desk):
    device = authenticator_of(desk)
    code = code_of(device)
    log_in(client)

    assert client.post(FACTOR, {"code": code}).url == "/admin/"
    assert client.get("/admin/").status_code == 200
    client.logout()
    log_in(client)
    again = client.post(FACTOR, {"code": code})
    assert "code" in again.context["form"].errors
    assert client.get("/admin/").url == FACTOR


def test_a_recovery_code_opens_once(client, desk):
    _device, codes = enrol(user=desk, key=new_key(), step=0)
    for code, opens in [(codes[0].lower().replace("-", " "), True), (codes[0], False)]:
        log_in(client)
        client.post(FACTOR, {"code": code})
        client.post("/admin/account/notices/", {"until": 10**9})
        assert (client.get("/admin/").status_code == 200) is opens
        client.logout()
    assert len(RecoveryCodes.objects.get().hashes) == 9
    # What is stored tells which code one is, and is a password's hash of the rest.
    secrets = [code.replace("-", "")[4:] for code in codes]
    stored = str(RecoveryCodes.objects.values())
    assert not any(secret in stored for secret in secrets)
    assert {len(secret) for secret in secrets} == {12}
    assert all("$" in known for known in RecoveryCodes.objects.get().hashes)


def test_five_wrong_codes_ask_for_the_password_again(client, desk):
    authenticator_of(desk)
    log_in(client)

    answers = [client.post(FACTOR, {"code": "000000"}).status_code for _ in range(5)]

    assert answers == [200] * 4 + [302]
    assert client.get("/admin/").url.startswith(LOGIN)
    assert Access.objects.filter(act=Act.LOG_IN_REFUSED, user=desk).count() == 5


def test_the_device_of_somebody_else_opens_nothing(client, desk):
    other = StaffFactory()
    client.force_login(desk, half=True)
    session = client.session
    session["otp_device_id"] = authenticator_of(other).persistent_id
    session.save()

    assert client.get("/admin/").url == SETUP


def test_the_key_of_an_authenticator_is_not_readable_in_the_database(desk):
    from django.db import connection

    device = authenticator_of(desk)
    with connection.cursor() as cursor:
        cursor.execute("SELECT key FROM staff_authenticator")
        [stored] = cursor.fetchone()

    assert device.key.encode() not in bytes(stored)
    assert bytes.fromhex(device.key) not in bytes(stored)


def test_the_picture_says_what_apps_read(client, desk):
    from staff.models.devices import otpauth_uri

    parts = urlsplit(otpauth_uri("00" * 20, "desk"))

    assert (parts.scheme, parts.netloc, parts.path) == ("otpauth", "totp", "/Jari%3Adesk")
    assert parse_qs(parts.query) == {"secret": ["A" * 32], "issuer": ["Jari"]}


@pytest.mark.parametrize("token", ["", "12345", "1234567", "abcdef", "１２３４５６", "-12345"])
def test_what_is_no_code_matches_none(token):
    assert matching_step(new_key(), token) is None


def test_removing_the_second_factor_ends_what_rested_on_it(client, desk):
    client.force_login(desk)
    assert client.get("/admin/").status_code == 200

    remove_second_factor(user=desk, by="staff:1")

    assert client.get("/admin/").url.startswith(LOGIN)
    assert log_in(client).url == SETUP
    assert desk.events.filter(second_factor_removed_at__isnull=False).count() == 1


class TestSample:
    @pytest.fixture(autouse=True)
    def _sample(self, settings):
        settings.SAMPLE = True

    def test_the_printed_log_ins_open_and_the_page_says_so(self, client, desk):
        desk.set_password("jari-sample")
        desk.save()

        page = client.get(LOGIN).content.decode()

        assert "연습용" in page
        assert log_in(client, password="jari-sample").url == "/admin/"
        assert client.get("/admin/").status_code == 200

    def test_who_set_up_a_second_factor_is_asked_for_it(self, client, desk):
        authenticator_of(desk)

        assert log_in(client).url == FACTOR
        assert client.get("/admin/").url == FACTOR


def test_the_sample_password_must_be_changed_elsewhere(client, desk):
    desk.set_password("jari-sample")
    desk.save()

    assert log_in(client, password="jari-sample").url == "/admin/password_change/"
    assert client.get(SETUP).url == "/admin/password_change/"
    new = {
        "old_password": "jari-sample",
        "new_password1": RIGHT,
        "new_password2": RIGHT,
    }
    for wrong in ({"new_password1": "jari2026-clinic"}, {"old_password": RIGHT}):
        refused = client.post("/admin/password_change/", {**new, **wrong})
        assert refused.status_code == 200
    assert client.post("/admin/password_change/", new).status_code == 302
    assert client.get("/admin/").url == SETUP


def test_a_known_password_does_not_get_past_the_second_factor(client, desk):
    """Whoever read the sample's password can't take over an account that has a second factor."""
    desk.set_password("jari-sample")
    desk.save()
    authenticator_of(desk)

    assert log_in(client, password="jari-sample").url == FACTOR
    assert client.get("/admin/password_change/").url == FACTOR


class TestSessions:
    def test_half_an_hour_without_use_ends_it(self, client, desk, clock):
        clock.freeze()
        client.force_login(desk)
        for _ in range(3):
            assert client.get("/admin/").status_code == 200
            clock.forward(minutes=29)
        clock.forward(minutes=2)
        answer = client.get("/admin/account/")

        assert answer.url == "/admin/login/?next=/admin/account/"
        assert client.get("/admin/").url.startswith(LOGIN)

    def test_ten_hours_end_it_however_busy(self, client, desk, clock):
        clock.freeze()
        client.force_login(desk)
        client.get("/admin/")
        for _ in range(24):
            clock.forward(minutes=24)
            assert client.get("/admin/").status_code == 200
        clock.forward(minutes=25)
        assert client.get("/admin/").status_code == 302

    def test_a_page_that_refreshes_itself_is_no_use(self, client, desk, clock):
        clock.freeze()
        client.force_login(desk)
        client.get("/admin/")
        for _ in range(2):
            clock.forward(minutes=16)
            answer = client.get("/admin/?live=1")
        assert answer.status_code == 302

    def test_a_password_waits_ten_minutes_for_its_second_factor(self, client, desk, clock):
        authenticator_of(desk)
        clock.freeze()
        log_in(client)
        clock.forward(minutes=11)
        assert client.get(FACTOR).url.startswith(LOGIN)

    def test_own_sessions_are_listed_and_ended(self, client, desk):
        other, third = type(client)(), type(client)()
        stranger = type(client)()
        for one in (client, other, third):
            one.force_login(desk)
            one.get("/admin/")
        stranger.force_login(StaffFactory())
        stranger.get("/admin/")

        rows = client.get("/admin/account/").context["rows"]
        assert len(rows) == 3
        assert [row["current"] for row in rows].count(True) == 1
        client.post("/admin/account/", {"end": other.session.session_key[:8]})
        client.post("/admin/account/", {"end": stranger.session.session_key[:8]})
        assert other.get("/admin/").status_code == 302
        assert third.get("/admin/").status_code == 200
        client.post("/admin/account/", {"end_others": "1"})
        assert third.get("/admin/").status_code == 302
        assert client.get("/admin/").status_code == 200
        assert stranger.get("/admin/").status_code == 200

    def test_a_session_says_where_it_began(self, client, desk):
        device = authenticator_of(desk)
        agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) \tChrome/131.0.0.0 Safari/537.36 <b>"
        log_in(client, headers={"User-Agent": agent + "x" * 300})
        client.post(FACTOR, {"code": code_of(device)})

        page = client.get("/admin/account/")

        [row] = page.context["rows"]
        session = row["session"]
        assert (session.address, row["browser"], row["current"]) == (
            "127.0.0.1",
            "Chrome · Windows",
            True,
        )
        assert (len(session.agent), "\t" in session.agent) == (200, False)
        assert "Mozilla" not in page.content.decode()

    @pytest.mark.parametrize(
        ("agent", "name"),
        [
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 "
                "(KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
                "Mobile Safari · iOS",
            ),
            ("Mozilla/5.0 (X11; Ubuntu; Linux x86_64) Firefox/133.0", "Firefox · Ubuntu"),
            ("curl/8.5.0", "curl"),
            ("<script>", "Unknown browser"),
            ("", "Unknown browser"),
        ],
    )
    def test_a_browser_is_called_by_its_name(self, agent, name):
        with translation.override("en"):
            assert browser_name(agent) == name

    def test_no_session_key_stands_on_the_page(self, client, desk):
        client.force_login(desk)

        page = client.get("/admin/account/").content.decode()

        assert client.session.session_key not in page

    def test_a_new_password_ends_the_others(self, client, desk):
        other = type(client)()
        for one in (client, other):
            one.force_login(desk)
            one.get("/admin/")
        new = "eight quiet paper lanterns"

        done = client.post(
            "/admin/password_change/",
            {"old_password": RIGHT, "new_password1": new, "new_password2": new},
        )

        assert done.status_code == 302
        assert client.get("/admin/").status_code == 200
        assert other.get("/admin/").status_code == 302
        assert Session.objects.filter(user=desk).count() == 1

    def test_new_recovery_codes_end_the_old_ones(self, client, desk):
        enrol(user=desk, key=new_key(), step=0)
        client.force_login(desk)
        before = RecoveryCodes.objects.get().hashes

        assert client.post("/admin/account/", {"codes": "1"}).url == CODES
        assert not set(RecoveryCodes.objects.get().hashes) & set(before)

    def test_another_authenticator_takes_the_place_of_the_one_before(self, client, desk):
        client.force_login(desk)
        key = client.get(SETUP).context["form"].key

        assert client.post(SETUP, {"code": code_of(Authenticator(key=key))}).url == CODES
        assert Authenticator.objects.get(user=desk).key == key


class TestInvitation:
    def link(self, user) -> str:
        number = urlsafe_base64_encode(force_bytes(user.pk))
        return reverse("admin:invitation", args=[number, tokens.make_token(user)])

    def choose(self, client, link, password=RIGHT):
        page = client.get(link)
        if page.status_code != 302:
            return page
        return client.post(page.url, {"new_password1": password, "new_password2": password})

    def test_a_link_sets_the_password_once(self, client):
        user = StaffFactory(username="new")
        user.set_unusable_password()
        user.save()
        link = self.link(user)

        assert self.choose(client, link, "jari2026!!!!").status_code == 200
        assert self.choose(client, link).url == LOGIN
        user.refresh_from_db()
        assert user.check_password(RIGHT)
        again = self.choose(type(client)(), link, "another long password")
        assert again.context["validlink"] is False
        assert log_in(client, "new").url == SETUP

    def test_a_link_ends_after_three_days(self, client, desk, clock):
        link = self.link(desk)
        clock.forward(days=3, hours=10)
        page = self.choose(client, link)
        assert page.status_code == 200, page.headers
        assert page.context["validlink"] is False

    @pytest.mark.parametrize("link", ["x/y", "MQ/set", "AAAA/c0ffee-1234", "%00/x"])
    def test_made_up_links_open_nothing(self, client, link):
        answer = client.get(f"/admin/invitation/{link}/")

        assert answer.status_code == 400 or answer.context["validlink"] is False

    def test_the_address_of_the_form_holds_no_token(self, client, desk):
        link = self.link(desk)

        assert client.get(link).url == reverse(
            "admin:invitation", args=[urlsafe_base64_encode(force_bytes(desk.pk)), "new"]
        )


@pytest.mark.parametrize("role", Role)
def test_failures_are_no_trace_of_names(client, role, caplog):
    log_in(client, name="김영희 010-1234-5678", password="x")

    row = LogInFailure.objects.get()
    assert row.user is None
    assert row.network == "127.0.0.1"
    [record] = [one for one in caplog.records if one.name == "staff.limits"]
    assert row.name_index[:8] in record.getMessage()
    assert "김영희" not in record.getMessage() + str(LogInFailure.objects.values())
