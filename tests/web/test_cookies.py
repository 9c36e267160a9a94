"""Each cookie that the portal sets, as the pages set it."""

import pytest
from django.test import Client

from tests.eligibility.test_pages import TYPED, last_code
from tests.factories import StaffFactory
from tests.staff.signing_in import authenticator_of, code_of
from tests.waiting_room.scene import join, make_room
from waiting_room.services.resume_codes import resume_code_of

pytestmark = pytest.mark.django_db
# Scripts read these two: the token for what they post, and the language.
READABLE = {"csrftoken", "jari_language"}


def of_a_citizen() -> Client:
    browser = Client()
    browser.get("/identity/")
    browser.post("/identity/", TYPED)
    browser.code = browser.cookies["jari_code"]  # which the right code deletes
    browser.post("/identity/code/", {"code": last_code()})
    browser.post("/i18n/setlang/", {"language": "en"})
    browser.post("/queue/resume/", {"code": resume_code_of(join(make_room()))})
    return browser


def of_staff() -> Client:
    user = StaffFactory(username="desk")
    user.set_password("seven long winding rivers")
    user.save()
    device = authenticator_of(user)
    browser = Client()
    right = {"username": "desk", "password": "seven long winding rivers"}
    browser.post("/admin/login/", right)
    browser.post("/admin/second-factor/", {"code": code_of(device)})
    return browser


def test_each_cookie_is_for_this_site_and_no_script_reads_the_secret_ones():
    citizen = of_a_citizen()
    cookies = {**citizen.cookies, **of_staff().cookies, "jari_code": citizen.code}

    assert cookies.keys() >= {
        "csrftoken", "jari_language", "jari_code", "jari_who", "jari_known", "jari_tickets",
        "sessionid", "jari_device",
    }  # fmt: skip
    assert {name for name, one in cookies.items() if not one["httponly"]} == READABLE
    assert {name: one["samesite"] for name, one in cookies.items() if one["samesite"] != "Lax"} == {
        "jari_device": "Strict"
    }
    assert {one["domain"] for one in cookies.values()} == {""}
    assert {one["path"] for one in cookies.values()} == {"/"}


def test_each_page_of_somebody_signed_in_offers_to_sign_out():
    citizen, staff = of_a_citizen(), of_staff()

    for address in ("/", "/eligibility/", "/identity/data/", "/family/", "/booking/"):
        assert 'action="/identity/sign-out/"' in citizen.get(address).content.decode(), address
    for address in ("/admin/", "/admin/account/", "/admin/booking/reservation/"):
        assert 'action="/admin/logout/"' in staff.get(address).content.decode(), address
