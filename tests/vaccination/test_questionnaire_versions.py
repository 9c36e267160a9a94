"""New versions of the questions: drafted, previewed and published by the health authority."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from staff.enums import Role
from tests.factories import ClinicFactory, ReservationFactory, StaffFactory
from tests.vaccination.answering import HEALTHY, sent
from vaccination.models import Questionnaire
from vaccination.services.questionnaire_versions import digest_of, open_draft, publish_questions
from vaccination.services.questionnaires import (
    current_version,
    delivered_content,
    flagged_items,
)

pytestmark = pytest.mark.django_db
LIST = "/admin/vaccination/questionnaire/"


@pytest.fixture
def authority(client):
    client.force_login(StaffFactory(role=Role.AUTHORITY, username="kdca"))
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


@pytest.fixture
def draft() -> Questionnaire:
    return open_draft(by="staff:1")


def fields_of(page) -> dict:
    """What the form of a draft sends unchanged."""
    forms = [page.context["head"], page.context["items"].management_form, *page.context["items"]]
    values = {field.html_name: field.value() for form in forms for field in form if field.value()}
    return {**values, "digest": page.context["digest"]}


def address(page: str, row: Questionnaire) -> str:
    return reverse(f"admin:vaccination_questionnaire_{page}", args=[row.pk])


def test_a_version_is_begun_edited_previewed_and_published(authority):
    begun = [authority.post(f"{LIST}add/") for _ in range(2)]
    row = Questionnaire.objects.get()
    form = fields_of(authority.get(begun[0].url))
    changed = {
        **form,
        "items-0-text_ko": "오늘 열이 납니까?",
        "items-1-DELETE": "on",
        "items-13-place": "5",
        "items-13-text_ko": "오늘 술을\r\n마셨습니까?",
        "items-13-text_en": "Have you had a drink?",
        "items-13-kind": "choice",
        "items-13-options": "아니오 | No\n! 예 | Yes",
    }

    preview = authority.post(begun[0].url, changed, follow=True)
    before = current_version().number
    sending = {"digest": preview.context["digest"]}
    published = [authority.post(address("publish", row), sending, follow=True) for _ in range(2)]

    texts = preview.content.decode()
    for text in [
        "오늘 열이 납니까?",
        "오늘 술을 마셨습니까?",
        "Have you had a drink?",
        # What asks for the doctor is not on the paper, but part of what is published.
        "1. Have you had a drink?: Yes</li>",
    ]:
        assert text in texts
    assert before == 2
    assert "Version 3 is asked from now on." in published[0].content.decode()
    items = current_version().content.items
    assert [item.id for item in items][:3] == ["q1", "other_vaccine", "sick"]
    assert (items[0].doctor, items[1].text.ko) == ({"o2"}, "오늘 열이 납니까?")
    # Questions that were not touched are the same, with their codes and flags.
    delivered = {item.id: item for item in delivered_content().items}
    assert [item for item in items[2:] if item != delivered[item.id]] == []
    assert authority.get(address("edit", row)).status_code == 302


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"title_en": ""}, "required"),
        ({"items-0-text_en": ""}, "required"),
        ({"items-0-detail_ko": ""}, "write a text of at most 300 letters in Korean"),
        ({"items-0-kind": "essay"}, "valid choice"),
        ({"items-3-options": "해당 없음 | No"}, "give 2 to 8 different answers"),
        ({"items-3-options": "예\n아니오"}, "letters in English"),
        ({"items-0-code": "Robert'); DROP"}, "small letters and digits"),
        ({"items-0-code": "allergy"}, "same code"),
        ({"items-0-place": "x"}, "whole number"),
        ({"items-TOTAL_FORMS": "99999"}, "at most 30"),
        ({"items-TOTAL_FORMS": "x"}, "ManagementForm"),
        ({"digest": "0"}, "has changed these questions"),
    ],
)
def test_what_is_wrong_is_said_and_the_draft_stays(authority, draft, values, problem):
    there = address("edit", draft)

    page = authority.post(there, {**fields_of(authority.get(there)), **values})

    assert page.status_code == 422
    assert problem in page.content.decode().replace("&#x27;", "'")
    assert Questionnaire.objects.get().content == draft.content


def test_what_was_not_previewed_is_not_published(authority, draft):
    authority.post(address("publish", draft), {"digest": "0"})

    assert current_version().number == 2


def test_the_list_of_versions_reads_them_once(authority):
    lists = []
    for _ in range(3):
        draft = open_draft(by="staff:1")
        publish_questions(questionnaire=draft, digest_shown=digest_of(draft), by="staff:1")
        with CaptureQueriesContext(connection) as queries:
            authority.get(LIST)
        lists.append([query for query in queries if '"vaccination_questionnaire"' in query["sql"]])
    open_draft(by="staff:1")

    page = authority.get(LIST).content.decode()

    assert [len(statements) for statements in lists] == [len(lists[0])] * 3
    states = re.findall(r'class="field-state[^>]*>([^<]+)<', page)
    assert states == ["Draft", "Asked now", "Former version", "Former version"]


def test_answers_to_the_former_version_keep_their_flags(draft):
    row = ReservationFactory()
    response = sent(row, {**HEALTHY, "covid": "recent"})
    publish_questions(questionnaire=draft, digest_shown=digest_of(draft), by="staff:1")

    assert current_version().number == 3
    assert [item.id for item in flagged_items(response)] == ["covid"]


@pytest.mark.parametrize("role", [Role.CLINIC, Role.MANAGER, Role.LOCAL, Role.OPERATOR])
def test_others_change_no_questions(client, draft, role):
    place = {Role.LOCAL: {"region": "서울특별시"}, Role.OPERATOR: {}}
    client.force_login(StaffFactory(role=role, **place.get(role, {"clinic": ClinicFactory()})))

    sending = {"digest": digest_of(draft)}
    for page in ("edit", "publish"):
        assert client.post(address(page, draft), sending).status_code == 403
    assert client.post(f"{LIST}add/").status_code == 403
    assert current_version().number == 2
