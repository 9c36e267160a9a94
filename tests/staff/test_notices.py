"""Owners of accounts hear what changed about them, and by whom."""

import pytest
from django.core.management import call_command

from messaging.models import Message
from staff.accounts import decide_on, request_role
from staff.door.services import enrol
from staff.enums import NoticeKind, Role
from staff.models import Notice, User
from staff.models.devices import new_key
from tests.factories import StaffFactory
from tests.staff.signing_in import StaffClient, authenticator_of, code_of
from tests.staff.soft_passkey import ORIGIN
from tests.staff.test_passkeys import ADD, add

pytestmark = pytest.mark.django_db
LOGIN, FACTOR, NOTICES = "/admin/login/", "/admin/second-factor/", "/admin/account/notices/"
RIGHT = "seven long winding rivers"


@pytest.fixture(autouse=True)
def _address(settings):
    settings.PUBLIC_URL = ORIGIN


@pytest.fixture
def desk():
    user = StaffFactory(username="desk", email="desk@clinic.example")
    user.set_password(RIGHT)
    user.save()
    return user


@pytest.fixture
def operator(client):
    user = StaffFactory(username="operator", role=Role.OPERATOR)
    client.force_login(user)
    return user


def letters() -> list[tuple[str, str]]:
    rows = Message.objects.filter(kind="account").order_by("pk")
    return [(row.to, row.text) for row in rows]


def told() -> list[tuple[str, str]]:
    return list(Notice.objects.order_by("pk").values_list("kind", "by"))


def test_a_new_role_is_told_by_whom_it_was_granted(desk, operator):
    authority = StaffFactory(username="authority", role=Role.AUTHORITY)
    asked = request_role(user=desk, role=Role.AUTHORITY, reason="moves there", by=operator)
    assert told() == []

    decide_on(request=asked, granted=True, by=authority)

    by = f"staff:{authority.pk}"
    # The account worked with people's data before: its factors stay.
    assert told() == [(NoticeKind.ROLE, by)]
    [(to, text)] = letters()
    assert to == "desk@clinic.example"
    assert "authority" in text
    assert "Health authority" in text
    assert "보건당국" in text


def test_links_resets_addresses_and_switches_are_told(client, desk, operator):
    desk.role, desk.clinic = "", None
    desk.save()
    authenticator_of(desk)
    page = f"/admin/staff/user/{desk.pk}/"

    client.post(f"{page}link/")
    client.post(f"{page}reset/")
    changed = {"username": "desk", "email": "thief@evil.example", "is_active": "on"}
    client.post(f"{page}change/", changed)
    client.post(f"{page}change/", {**changed, "is_active": ""})

    by = f"staff:{operator.pk}"
    kinds = [NoticeKind.LINK, NoticeKind.FACTOR_REMOVED, NoticeKind.EMAIL, NoticeKind.SWITCHED_OFF]
    assert told() == [(kind, by) for kind in kinds]
    # The change of the address goes to the one before.
    assert [to for to, _text in letters()] == ["desk@clinic.example"] * 3 + ["thief@evil.example"]


def test_an_address_that_nobody_can_be_written_to_is_refused(client, desk, operator):
    values = {"username": "desk", "email": "x&smtp=127.0.0.1@evil.example", "is_active": "on"}

    page = client.post(f"/admin/staff/user/{desk.pk}/change/", values)

    assert "email" in page.context["adminform"].form.errors


def test_an_old_odd_address_stops_no_change(desk, operator):
    User.objects.filter(pk=desk.pk).update(email="x&y@evil.example")
    desk.refresh_from_db()

    enrol(user=desk, key=new_key(), step=0)

    assert told() == [(NoticeKind.AUTHENTICATOR, f"staff:{desk.pk}")]
    assert letters() == []


def test_own_changes_are_told_too(client, desk):
    client.force_login(desk)
    add(client, "my phone")
    client.post("/admin/account/", {"codes": "1"})
    client.post("/admin/second-factor/codes/")
    client.post(f"{ADD}{desk.passkey_set.get().pk}/remove/")
    new = "eight quiet paper lanterns"
    client.post(
        "/admin/password_change/",
        {"old_password": RIGHT, "new_password1": new, "new_password2": new},
    )

    by = f"staff:{desk.pk}"
    kinds = ["passkey_added", "codes", "codes", "passkey_removed", "password"]
    assert told() == [(kind, by) for kind in kinds]
    assert "my phone" not in str(letters())  # what somebody typed stands on the page alone
    assert new not in str(letters())
    shown = client.get("/admin/account/").context["changes"]
    assert [by for _at, _what, by in shown] == ["desk"] * 5
    assert "my phone" in shown[-1][1]


def test_wrong_codes_after_the_right_password_are_told(client, desk):
    authenticator_of(desk)
    client.post(LOGIN, {"username": "desk", "password": RIGHT})
    for _time in range(5):
        client.post(FACTOR, {"code": "000000"})

    assert told() == [(NoticeKind.WRONG_CODES, "")]
    assert "127.0.0.1" in letters()[0][1]


def sign_in(client, desk):
    device = authenticator_of(desk)
    device.last_step = -1
    device.save()
    client.post(LOGIN, {"username": "desk", "password": RIGHT})
    return client.post(FACTOR, {"code": code_of(device)})


def test_a_new_browser_is_told_once_and_read_at_the_next_sign_in(client, desk):
    first = sign_in(client, desk)
    client.post("/admin/logout/")
    second = sign_in(client, desk)

    assert (first.url, second.url) == ("/admin/", NOTICES)
    assert client.get("/admin/booking/reservation/").url == NOTICES
    page = client.get(NOTICES)
    assert len(page.context["rows"]) == 1
    # What comes meanwhile was not on the page.
    sign_in(StaffClient(), desk)
    read = client.post(NOTICES, {"until": page.context["until"]})
    assert read.url == "/admin/booking/reservation/"
    assert client.get("/admin/").status_code == 200
    assert list(Notice.objects.filter(read_at=None).values_list("kind", flat=True)) == [
        "new_browser"
    ]
    assert len(letters()) == 2


@pytest.mark.parametrize("until", ["", "x", "-1", "9" * 30])
def test_an_odd_number_reads_nothing(client, desk, until):
    sign_in(client, desk)
    client.post("/admin/logout/")
    sign_in(client, desk)

    client.post(NOTICES, {"until": until})

    assert Notice.objects.filter(read_at=None).count() == 1


def test_nobody_reads_the_notices_of_another(client, desk):
    sign_in(client, desk)
    other = StaffClient()
    other.force_login(StaffFactory())

    assert other.post(NOTICES, {"until": 10**9}).status_code == 302
    assert other.get("/admin/account/").context["changes"] == []
    assert Notice.objects.filter(read_at=None).count() == 1


def test_the_command_tells_as_well(desk, capsys):
    call_command("invite", "desk", role=Role.AUDITOR)

    assert told() == [(kind, "command:invite") for kind in (NoticeKind.ROLE, NoticeKind.LINK)]
