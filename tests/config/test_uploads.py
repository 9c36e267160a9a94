"""Who may send a large file: asked of the session before any of it is read."""

import pytest
from django.test import Client
from django.urls import reverse

from config.bodies import UPLOADS, upload_at
from config.uploads import may_upload
from staff.enums import Role
from tests.factories import ClinicFactory, StaffFactory

ROSTER = "eligibility.add_rosterupload"


def environ_of(client: Client) -> dict:
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    return {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/admin/", "SERVER_NAME": "x", "SERVER_PORT": "80",
        "HTTP_COOKIE": cookies, "wsgi.input": None, "wsgi.url_scheme": "http",
    }  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("role", Role.values)
def test_the_roster_comes_from_the_authority_alone(role: str):
    client, clinic = Client(), ClinicFactory()
    place = {Role.CLINIC: {"clinic": clinic}, Role.LOCAL: {"region": clinic.region}}
    client.force_login(StaffFactory(role=role, **place.get(role, {})))

    assert may_upload(environ_of(client), ROSTER) == (role == Role.AUTHORITY)


@pytest.mark.django_db
def test_neither_a_stranger_nor_a_dismissed_user_may_send_anything():
    client = Client()
    user = StaffFactory(role=Role.AUTHORITY)
    client.force_login(user)
    user.is_active = False
    user.save()

    assert not may_upload(environ_of(Client()), ROSTER)
    assert not may_upload(environ_of(client), ROSTER)


def test_each_address_of_an_upload_is_one_of_the_portal():
    assert upload_at(reverse("admin:eligibility_rosterupload_add")) == UPLOADS[0]
    assert upload_at("/identity/") is None
