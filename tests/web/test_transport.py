"""Without TLS: pages lead to https, what programs ask for is refused and not redirected."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.fixture
def behind_tls(settings):
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.SECURE_REDIRECT_EXEMPT = [r"^healthz$"]


@pytest.mark.parametrize("path", ["/", "/identity/", "/queue/nowhere/", "/admin/login/"])
def test_an_opened_page_leads_to_its_https_address(behind_tls, path):
    answer = Client().get(path)

    assert (answer.status_code, answer["Location"]) == (301, f"https://testserver{path}")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("post", "/identity/"),
        ("post", "/queue/nowhere/join/"),
        ("put", "/"),
        ("get", "/queue/nowhere/now.json"),
        ("get", "/queue/nowhere/log.csv"),
        ("get", "/queue/nowhere/log/checkpoint"),
        ("get", "/queue/nowhere/log/tile/0/000"),
        ("get", "/queue/verify_line.py"),
        ("get", "/static/jari/again.js"),
    ],
)
def test_what_programs_ask_for_is_refused_and_not_redirected(behind_tls, method, path):
    answer = getattr(Client(), method)(path)

    assert answer.status_code == 403
    assert "Location" not in answer
    assert "https" in answer.content.decode()


def test_probes_are_answered_past_the_proxy(behind_tls):
    assert Client().get("/healthz").status_code == 200


def test_what_came_by_tls_is_answered(behind_tls):
    client = Client(headers={"x-forwarded-proto": "https"})

    assert client.get("/identity/").status_code == 200
    assert client.post("/identity/", {}).status_code == 422
    assert client.get("/queue/nowhere/log.csv").status_code == 404
