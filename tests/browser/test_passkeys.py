"""Passkeys in Chromium, with the authenticator that its debugger brings."""

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from staff.models import LogInFailure, Notice, Passkey
from tests.browser.test_desk import looks_right
from tests.factories import StaffFactory
from tests.staff.signing_in import authenticator_of, code_of

RIGHT = "seven long winding rivers"
PICTURES = os.environ.get("JARI_PICTURES", "")


@pytest.fixture
def desk():
    user = StaffFactory(username="desk", email="desk@clinic.example")
    user.set_password(RIGHT)
    user.save()
    return user


@pytest.fixture(params=[("ko", 360), ("en", 1280)], ids=str)
def screen(request, live_server, new_screen, settings):
    """A page of this size and language; what its scripts complain about stands in `said`."""
    settings.PUBLIC_URL = live_server.url
    return new_screen(*request.param, height=800)


def with_authenticator(page) -> tuple:
    """A device whose user is verified by a finger that is always there."""
    debugger = page.context.new_cdp_session(page)
    debugger.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made = debugger.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return debugger, made["authenticatorId"]


def looks_well(page, name: str) -> None:
    if PICTURES:
        page.screenshot(
            path=Path(PICTURES, f"{name}-{page.language}-{page.width}.png"), full_page=True
        )
    looks_right(page)


def log_in(page) -> None:
    page.goto(f"{page.at}/admin/")
    page.fill("[name=username]", "desk")
    page.fill("[name=password]", RIGHT)
    page.click("#login-form [type=submit]")


def test_a_passkey_is_added_used_and_removed(screen, desk):
    page = screen
    with_authenticator(page)
    device = authenticator_of(desk)
    log_in(page)
    page.fill("[name=code]", code_of(device))
    page.click("form:not([data-passkey]) .submit-row [type=submit]")

    expect(page).to_have_url(re.compile("/admin/$"))
    page.said.clear()
    page.goto(f"{page.at}/admin/account/")
    looks_well(page, "account-without")
    page.click("a[href$='/account/passkeys/']")
    looks_well(page, "add")
    page.fill("[name=name]", "내 휴대전화")
    page.click("[data-passkey=create] [type=submit]")
    expect(page).to_have_url(re.compile("/second-factor/codes/"))
    looks_well(page, "codes")
    page.click(".submit-row [type=submit]")
    expect(page).to_have_url(re.compile("/admin/account/$"))
    expect(page.locator("th", has_text="내 휴대전화")).to_be_visible()
    looks_well(page, "account")

    page.locator("#logout-form button").first.click()
    page.goto(f"{page.at}/admin/")
    looks_well(page, "login")
    page.click("[data-passkey=get] [type=submit]")
    expect(page).to_have_url(re.compile("/account/notices/"))
    looks_well(page, "notices")
    page.click(".submit-row [type=submit]")
    expect(page).to_have_url(re.compile("/admin/$"))
    key = Passkey.objects.get()
    assert (key.name, key.user, bool(key.last_used_at)) == ("내 휴대전화", desk, True)

    page.goto(f"{page.at}/admin/account/")
    page.click("form[action$='/remove/'] button")
    expect(page).to_have_url(re.compile("/second-factor/"))  # the session rested on it
    looks_well(page, "second-factor")
    assert not Passkey.objects.exists()


def test_the_first_sign_in_with_a_passkey(screen, desk):
    page = screen
    with_authenticator(page)
    log_in(page)
    expect(page).to_have_url(re.compile("/set-up/"))
    looks_well(page, "set-up")
    page.click("a[href$='/account/passkeys/']")
    page.fill("[name=name]", "key")
    page.click("[data-passkey=create] [type=submit]")
    page.click(".submit-row [type=submit]")
    expect(page).to_have_url(re.compile("/admin/account/$"))

    assert Passkey.objects.get().user == desk


def test_a_device_without_a_passkey_says_so_and_the_password_stays(screen, desk):
    page = screen
    with_authenticator(page)
    page.goto(f"{page.at}/admin/")
    page.click("[data-passkey=get] [type=submit]")

    expect(page.locator("[data-passkey-problem]")).to_be_visible()
    looks_well(page, "refused")
    log_in(page)
    expect(page).to_have_url(re.compile("/set-up/"))


def test_nobody_verified_opens_nothing(screen, desk):
    """A key without a PIN or a finger: what was stolen with the bag."""
    page = screen
    debugger, authenticator = with_authenticator(page)
    log_in(page)
    page.click("a[href$='/account/passkeys/']")
    page.fill("[name=name]", "key")
    page.click("[data-passkey=create] [type=submit]")
    page.click(".submit-row [type=submit]")
    page.locator("#logout-form button").first.click()
    debugger.send(
        "WebAuthn.setUserVerified", {"authenticatorId": authenticator, "isUserVerified": False}
    )
    page.goto(f"{page.at}/admin/")

    page.click("[data-passkey=get] [type=submit]")

    expect(page.locator("[data-passkey-problem]")).to_be_visible()
    assert not Passkey.objects.get().last_used_at


def test_changing_how_one_signs_in_asks_again(screen, desk, clock):
    page = screen
    with_authenticator(page)
    log_in(page)
    page.click("a[href$='/account/passkeys/']")
    page.fill("[name=name]", "key")
    page.click("[data-passkey=create] [type=submit]")
    page.click(".submit-row [type=submit]")
    clock.forward(minutes=11, tick=True)

    page.goto(f"{page.at}/admin/password_change/")

    expect(page).to_have_url(re.compile("/again/"))
    looks_well(page, "again")
    page.click("[data-passkey=get] [type=submit]")
    expect(page).to_have_url(re.compile("/password_change/"))


def test_wrong_tries_cost_a_calculation_and_then_the_right_password_opens(screen, desk):
    page = screen
    LogInFailure.objects.bulk_create(
        LogInFailure(network=f"203.0.113.{number}", name_index=index_of(desk), step="password")
        for number in range(10)
    )
    log_in(page)
    expect(page.locator("[data-working]")).to_be_visible()
    expect(page.locator("[name=work]")).not_to_have_value("")
    looks_well(page, "work")
    page.fill("[name=password]", RIGHT)
    page.click("#login-form [type=submit]")
    expect(page).to_have_url(re.compile("/set-up/"))
    assert not Notice.objects.filter(kind="wrong_codes").exists()


def index_of(user) -> str:
    from privacy.cipher import blind_index

    return blind_index(user.username.casefold(), context=b"staff.username").hex()
