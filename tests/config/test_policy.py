import pytest
from csp.constants import NONCE
from csp.decorators import csp_update
from django.http import HttpResponse
from django.test import RequestFactory

from booking.models import Clinic
from eligibility.models import Cohort
from tests.factories import SlotFactory, StaffFactory
from tests.staff.signing_in import StaffClient
from tests.waiting_room.scene import make_room
from web.content_security_policy import PolicyMiddleware

HEADER = "Content-Security-Policy"


def answered(view) -> dict[str, str]:
    """The directives of the policy that an answer of this view has."""
    response = PolicyMiddleware(view)(RequestFactory().get("/"))
    parts = response.headers[HEADER].split("; ")
    return dict(part.split(" ", 1) for part in parts)


def plain(_request) -> HttpResponse:
    return HttpResponse()


def test_every_answer_has_the_policy_of_the_settings(settings):
    directives = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]

    assert answered(plain) == {name: " ".join(values) for name, values in directives.items()}


def test_a_view_may_still_ask_for_another_policy():
    framed = csp_update({"frame-ancestors": ["'self'"]})(plain)

    assert answered(framed)["frame-ancestors"] == "'none' 'self'"


def test_a_nonce_is_in_the_policy_of_its_page_alone(settings):
    settings.CONTENT_SECURITY_POLICY = {"DIRECTIVES": {"script-src": [NONCE]}}
    middleware = PolicyMiddleware(lambda request: HttpResponse(str(request.csp_nonce)))

    pages = [middleware(RequestFactory().get("/")) for _time in range(2)]

    nonces = [page.content.decode() for page in pages]
    assert nonces[0] != nonces[1]
    for page, nonce in zip(pages, nonces, strict=True):
        assert f"'nonce-{nonce}'" in page.headers[HEADER]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/admin/login/", "/booking/", "/nowhere/"])
def test_every_page_has_the_policy(client, path):
    assert "script-src 'self'" in client.get(path).headers[HEADER]


@pytest.mark.django_db
def test_markup_in_a_name_is_text(client):
    name = "<script>alert(1)</script>\"'><b>"
    room = make_room()
    Cohort.objects.update(name_ko=name)
    Clinic.objects.filter(pk=SlotFactory().clinic_id).update(name=name)
    staff = StaffClient()
    staff.force_login(StaffFactory(superuser=True))

    pages = [
        client.get("/"),
        client.get(f"/queue/{room.cohort.code}/"),
        staff.get("/admin/eligibility/cohort/"),
        staff.get("/admin/booking/clinic/"),
    ]

    for page in pages:
        text = page.content.decode()
        assert "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#x27;&gt;&lt;b&gt;" in text
        assert "<script>alert" not in text


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/admin/login/", "/queue/nowhere/now.json", "/healthz"])
def test_no_page_may_be_given_another_base(client, path):
    assert "base-uri 'none'" in client.get(path).headers[HEADER].split("; ")
