"""The frame of every page: the menu, the language, and who runs the portal."""

import pytest
from django.test import Client

from tests.eligibility.test_family import acting, agreed, browser_of
from tests.factories import PersonFactory

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


def test_who_acts_for_another_reads_the_name_above_where_they_stand():
    by, person = PersonFactory(), PersonFactory()
    browser = acting(by, agreed(by, person))

    own = browser_of(by).get("/mine/").content.decode()
    pages = [browser.get(address).content.decode() for address in ("/", "/mine/")]

    assert person.name not in own
    assert all(f"You are booking for {person.name}" in page for page in pages)
