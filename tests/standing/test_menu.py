"""The frame of every page: the menu, the language, and who runs the portal."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize(
    "address", ["/", "/identity/", "/reservations/", "/queue/resume/", "/help/"]
)
def test_every_page_leads_to_the_person_and_to_the_operator(client: Client, address, language):
    page = client.get(address, headers={"accept-language": language}).content.decode()

    for link in [
        "/mine/",
        "/reservations/",
        "/help/",
        "/privacy/",
        "/accessibility/",
        "/operator/",
    ]:
        assert f'href="{link}"' in page
    assert page.count('aria-current="page"') == (address in ("/reservations/", "/help/"))
    assert 'name="language"' in page
