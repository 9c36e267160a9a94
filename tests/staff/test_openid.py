"""Sign-in of staff by an identity provider, against a real one in a process of its own."""

import re

import pytest
from django.core.cache import caches
from django.core.exceptions import ImproperlyConfigured

from staff.door.provider import StaffProvider, configured
from staff.door.services import remove_second_factor
from staff.enums import NoticeKind
from staff.models import Notice, OpenIdAccount, User
from tests.factories import StaffFactory
from tests.identity_provider import log_in_there, running
from tests.staff.signing_in import StaffClient, authenticator_of, code_of

pytestmark = pytest.mark.django_db
LOGIN, LEAVE, FACTOR = "/admin/login/", "/admin/openid/", "/admin/second-factor/"
ACCOUNT = "/admin/account/"
PEOPLE = {
    "kim": {"email": "Kim@clinic.example", "email_verified": True},
    "unverified": {"email": "kim@clinic.example", "email_verified": False},
    "text": {"email": "kim@clinic.example", "email_verified": "true"},
    "stranger": {"email": "stranger@clinic.example", "email_verified": True},
    "nameless": {},
}


@pytest.fixture(scope="module")
def issuer():
    with running(PEOPLE) as address:
        yield address


@pytest.fixture(autouse=True)
def provider(settings, issuer, monkeypatch) -> str:
    settings.STAFF_PROVIDER = {
        "name_ko": "기관 로그인",
        "name_en": "Agency log-in",
        "issuer": issuer,
        "client_id": "jari",
        "client_secret": "secret",
    }
    settings.PUBLIC_URL = "http://testserver"
    # A busy machine is no finding.
    monkeypatch.setattr("outside.openid.DOCUMENT_SECONDS", 30)
    monkeypatch.setattr("staff.door.openid.EXCHANGE_SECONDS", 30)
    caches["local"].clear()
    return issuer


@pytest.fixture
def kim() -> User:
    user = StaffFactory(email="kim@clinic.example")
    authenticator_of(user)
    return user


def come_back(client, sub: str, following: str = "/admin/booking/clinic/"):
    """The portal's answer to the browser that comes back from the provider."""
    return client.get(log_in_there(client.post(LEAVE, {"next": following})["Location"], sub))


def is_inside(client) -> bool:
    return client.get("/admin/booking/clinic/").status_code == 200


def remove(link: OpenIdAccount) -> str:
    return f"{ACCOUNT}openid/{link.pk}/remove/"


def test_the_first_time_the_portals_second_factor_is_needed_and_links_the_accounts(client, kim):
    back = come_back(client, "kim")

    assert back["Location"] == FACTOR
    assert not is_inside(client)
    assert not OpenIdAccount.objects.exists()

    onwards = client.post(FACTOR, {"code": code_of(authenticator_of(kim))})

    assert onwards["Location"] == "/admin/booking/clinic/"
    assert is_inside(client)
    assert OpenIdAccount.objects.get(user=kim).subject == "kim"
    assert Notice.objects.filter(user=kim, kind=NoticeKind.OPENID).count() == 1


def test_a_linked_account_is_found_by_its_subject_whatever_its_address(client, kim, provider):
    OpenIdAccount.objects.create(user=kim, issuer=provider, subject="stranger")

    back = come_back(client, "stranger")

    assert back["Location"] == FACTOR
    assert client.session["_auth_user_id"] == str(kim.pk)


@pytest.mark.parametrize("sub", ["unverified", "text", "stranger", "nameless"])
def test_nobody_comes_in_by_an_address_that_is_not_verified_or_not_here(client, kim, sub):
    back = come_back(client, sub)

    assert back["Location"] == LOGIN
    assert "_auth_user_id" not in client.session
    assert User.objects.count() == 1  # no account is made


def test_an_address_of_two_accounts_belongs_to_none(client, kim):
    authenticator_of(StaffFactory(email="KIM@clinic.example"))

    assert come_back(client, "kim")["Location"] == LOGIN


def test_an_account_without_a_second_factor_is_not_given_to_who_has_its_address(client):
    StaffFactory(email="kim@clinic.example")

    assert come_back(client, "kim")["Location"] == LOGIN
    assert "_auth_user_id" not in client.session


def test_an_account_with_another_subject_is_not_found_by_its_address(client, kim, provider):
    OpenIdAccount.objects.create(user=kim, issuer=provider, subject="before")

    assert come_back(client, "kim")["Location"] == LOGIN


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_staff": False}])
def test_an_account_that_was_switched_off_stays_outside(client, kim, provider, change):
    OpenIdAccount.objects.create(user=kim, issuer=provider, subject="kim")
    User.objects.filter(pk=kim.pk).update(**change)

    assert come_back(client, "kim")["Location"] == LOGIN


@pytest.mark.parametrize(("acr", "inside"), [("high", True), ("low", False), (None, False)])
def test_the_providers_word_replaces_the_second_factor_only_where_the_settings_say_so(
    client, kim, settings, provider, monkeypatch, acr, inside
):
    settings.STAFF_PROVIDER["second_factor_acr"] = ["high"]
    OpenIdAccount.objects.create(user=kim, issuer=provider, subject="kim")
    claims = {"sub": "kim", "acr": acr}
    monkeypatch.setattr(StaffProvider, "verified_claims", lambda *args, **values: claims)

    client.post(LEAVE)
    client.get("/admin/openid/return/?code=x&state=y")

    assert is_inside(client) is inside
    # A password typed in the same browser afterwards is again worth only a password.
    client.post(LOGIN, {"username": kim.username, "password": "password"})
    assert not is_inside(client)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda address: re.sub(r"state=[\w-]+", "state=other", address),
        lambda address: re.sub(r"state=[\w-]+", "state=%C3%A9", address),
        lambda address: re.sub(r"code=[\w-]+", "code=other", address),
        lambda address: re.sub(r"\?.*", "", address),
        lambda address: re.sub(r"\?.*", "?error=access_denied", address),
    ],
)
def test_a_forged_answer_signs_nobody_in(client, kim, spoil):
    address = log_in_there(client.post(LEAVE)["Location"], "kim")

    assert client.get(spoil(address))["Location"] == LOGIN
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("changed", [{"client_id": "another"}, {"issuer": "http://localhost:1"}])
def test_an_answer_for_another_client_or_of_another_issuer_signs_nobody_in(
    client, kim, settings, changed
):
    address = log_in_there(client.post(LEAVE)["Location"], "kim")
    settings.STAFF_PROVIDER = {**settings.STAFF_PROVIDER, **changed}
    caches["local"].clear()

    assert client.get(address)["Location"] == LOGIN
    assert "_auth_user_id" not in client.session


def test_an_answer_with_the_nonce_of_another_sign_in_signs_nobody_in(client, kim):
    address = client.post(LEAVE)["Location"]
    forged = re.sub(r"nonce=[\w-]+", "nonce=other", address)

    assert client.get(log_in_there(forged, "kim"))["Location"] == LOGIN
    assert "_auth_user_id" not in client.session


def test_a_token_of_yesterday_signs_nobody_in(client, kim, clock):
    clock.forward(days=1)  # the provider's clock stays

    assert come_back(client, "kim")["Location"] == LOGIN


def test_an_answer_is_good_once_and_for_ten_minutes(client, kim, clock):
    address = log_in_there(client.post(LEAVE)["Location"], "kim")
    clock.forward(minutes=11)
    assert client.get(address)["Location"] == LOGIN

    come_back(client, "kim")
    client.post("/admin/logout/")
    assert client.get(address)["Location"] == LOGIN


def test_an_answer_is_good_for_the_browser_that_asked_only(client, kim):
    address = log_in_there(client.post(LEAVE)["Location"], "kim")
    client.cookies.clear()

    assert client.get(address)["Location"] == LOGIN


def test_the_way_on_leads_to_no_other_site(client, kim):
    come_back(client, "kim", following="https://evil.example/")

    onwards = client.post(FACTOR, {"code": code_of(authenticator_of(kim))})

    assert onwards["Location"] == "/admin/"


def test_signing_out_ends_the_providers_session_where_it_offers_that(client, kim, monkeypatch):
    come_back(client, "kim")
    client.post(FACTOR, {"code": code_of(authenticator_of(kim))})
    end = {"end_session_endpoint": "https://id.example/end"}
    monkeypatch.setattr(StaffProvider, "endpoints", lambda *args: end)

    out = client.post("/admin/logout/")

    assert out["Location"].startswith("https://id.example/end?client_id=jari&")
    assert not is_inside(client)


def test_a_reset_of_the_account_ends_the_link(kim, provider):
    OpenIdAccount.objects.create(user=kim, issuer=provider, subject="kim")

    remove_second_factor(user=kim, by="staff:1")

    assert not OpenIdAccount.objects.exists()


def test_the_button_stands_on_the_page_only_if_there_is_a_provider(client, settings):
    with_provider = client.get(LOGIN).content.decode()
    settings.STAFF_PROVIDER = {}
    without = client.get(LOGIN).content.decode()

    assert "기관 로그인" in with_provider
    assert LEAVE not in without
    assert client.post(LEAVE)["Location"] == LOGIN
    assert client.get("/admin/openid/return/?code=x")["Location"] == LOGIN


def test_a_provider_that_does_not_answer_leaves_the_password(client, settings):
    settings.STAFF_PROVIDER["issuer"] = "http://127.0.0.1:1"

    assert client.post(LEAVE)["Location"] == LOGIN


@pytest.mark.parametrize("wrong", [{"issuer": "http://id.example"}, {"colour": "red"}])
def test_a_wrong_setting_says_so(settings, wrong):
    settings.STAFF_PROVIDER = {**settings.STAFF_PROVIDER, **wrong}

    with pytest.raises(ImproperlyConfigured, match="JARI_STAFF_PROVIDER"):
        configured()


def test_its_owner_removes_the_link_and_is_told(client, kim, provider, clock):
    link = OpenIdAccount.objects.create(user=kim, issuer=provider, subject="kim")
    elsewhere = StaffClient()
    elsewhere.force_login(kim)
    client.force_login(kim)
    assert "기관 로그인" in client.get(ACCOUNT).content.decode()

    clock.forward(minutes=11)
    assert client.post(remove(link))["Location"] == f"{ACCOUNT}again/"
    assert OpenIdAccount.objects.exists()
    client.post(
        f"{ACCOUNT}again/", {"password": "password", "code": code_of(authenticator_of(kim))}
    )
    for _press in range(2):
        assert client.post(remove(link))["Location"] == ACCOUNT

    assert not OpenIdAccount.objects.exists()
    notice = Notice.objects.get(user=kim, kind=NoticeKind.OPENID_REMOVED)
    assert (notice.by, notice.data) == (f"staff:{kim.pk}", {"name": "기관 로그인"})
    page = client.get(ACCOUNT).content.decode()
    assert "이제 기관 로그인(으)로는 이 계정에 로그인할 수 없습니다." in page
    assert remove(link) not in page
    assert not is_inside(elsewhere)


def test_after_the_removal_the_providers_word_replaces_no_second_factor(
    client, kim, settings, provider, monkeypatch
):
    settings.STAFF_PROVIDER["second_factor_acr"] = ["high"]
    link = OpenIdAccount.objects.create(user=kim, issuer=provider, subject="kim")
    claims = {"sub": "kim", "acr": "high"}
    monkeypatch.setattr(StaffProvider, "verified_claims", lambda *args, **values: claims)
    client.post(LEAVE)
    client.get("/admin/openid/return/?code=x&state=y")
    assert is_inside(client)

    client.post(remove(link))

    assert client.get(ACCOUNT)["Location"] == FACTOR


def test_nobody_removes_the_link_of_another(client, kim, provider):
    link = OpenIdAccount.objects.create(user=kim, issuer=provider, subject="kim")
    client.force_login(StaffFactory())

    client.post(remove(link))

    assert OpenIdAccount.objects.get() == link
    assert not Notice.objects.filter(kind=NoticeKind.OPENID_REMOVED).exists()
