"""Who may send a large file: asked before any of it is read."""

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.urls import reverse

from config.bodies import takes_files
from config.bridge import WsgiBridge
from staff.enums import Role
from tests.factories import ClinicFactory, StaffFactory
from tests.staff.signing_in import StaffClient

pytestmark = pytest.mark.django_db(transaction=True)


def may_send(client: StaffClient) -> bool:
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": reverse("admin:eligibility_rosterupload_add"),
        "CONTENT_LENGTH": "900000", "CONTENT_TYPE": "multipart/form-data; boundary=x",
        "HTTP_HOST": "x", "HTTP_COOKIE": cookies, "SERVER_NAME": "x", "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http",
    }  # fmt: skip
    return WsgiBridge(WSGIHandler())._shows_form(environ)


@pytest.mark.parametrize("role", Role.values)
def test_the_roster_comes_from_the_authority_alone(role: str):
    client, clinic = StaffClient(), ClinicFactory()
    place = {
        Role.CLINIC: {"clinic": clinic},
        Role.MANAGER: {"clinic": clinic},
        Role.LOCAL: {"region": clinic.region},
    }
    client.force_login(StaffFactory(role=role, **place.get(role, {})))

    assert may_send(client) == (role == Role.AUTHORITY)


def test_neither_a_stranger_nor_a_password_alone_nor_a_dismissed_user_may_send_anything():
    half, dismissed = StaffClient(), StaffClient()
    half.force_login(StaffFactory(role=Role.AUTHORITY), half=True)
    user = StaffFactory(role=Role.AUTHORITY)
    dismissed.force_login(user)
    user.is_active = False
    user.save()

    assert not may_send(StaffClient())
    assert not may_send(half)
    assert not may_send(dismissed)


def test_each_address_of_an_upload_is_one_of_the_portal():
    assert takes_files(reverse("admin:eligibility_rosterupload_add"))
    assert not takes_files(reverse("identity"))
