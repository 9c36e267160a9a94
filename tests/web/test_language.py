"""Which language a page is in, and which one a person is written to in."""

import pytest

from eligibility.models import Person
from tests.eligibility.signing_in import sign_in
from tests.factories import PersonFactory, StaffFactory
from tests.staff.signing_in import StaffClient

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "ko"),
        ("*", "ko"),
        ("fr", "en"),
        ("fr-FR, de;q=0.7, *;q=0.1", "en"),
        ("fr, ko;q=0.5", "ko"),
        ("zh-CN", "zh-hans"),
        ("zh-TW, en;q=0.5", "zh-hans"),
        ("vi-VN", "vi"),
        ("en-GB", "en"),
        ("ko-KR", "ko"),
    ],
)
def test_who_reads_none_of_the_languages_gets_english(client, header, language):
    page = client.get("/how/", headers={"accept-language": header})

    assert page["Content-Language"] == language
    assert f'<html lang="{language}"' in page.content.decode()


def test_what_was_chosen_holds_against_the_browser(client):
    client.post("/i18n/setlang/", {"language": "ko"})

    assert client.get("/how/", headers={"accept-language": "fr"})["Content-Language"] == "ko"


def test_a_person_is_written_to_in_the_language_they_chose_last(client):
    person, other = PersonFactory(), PersonFactory()
    sign_in(client, person)

    client.post("/i18n/setlang/", {"language": "vi"})
    client.post("/i18n/setlang/", {"language": "xx"})

    languages = dict(Person.objects.values_list("pk", "language"))
    assert languages == {person.pk: "vi", other.pk: "ko"}


@pytest.mark.parametrize("language", ["zh-CN", "vi", "fr"])
def test_the_admin_is_english_for_readers_of_other_languages(language):
    client = StaffClient()
    client.force_login(StaffFactory(role="authority"))

    page = client.get("/admin/", headers={"accept-language": language})

    assert page["Content-Language"] == "en"
    assert "Overview" in page.content.decode()
