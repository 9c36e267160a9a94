import pytest

from tests.factories import CohortFactory, PersonFactory, StaffFactory
from web import paging

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("count", "text"), [(1, "1 자격 판정"), (2, "자격 판정 2건 이상"), (3, "자격 판정 2건 이상")]
)
def test_a_long_list_counts_some_rows_and_says_so(client, monkeypatch, count, text):
    monkeypatch.setattr(paging, "MOST_COUNTED", 2)
    person = PersonFactory()
    for _ in range(count):
        cohort = CohortFactory()
        person.decisions.create(
            cohort=cohort,
            eligible=True,
            rule="born",
            window_from=cohort.opens_at,
            window_to=cohort.closes_at,
        )
    client.force_login(StaffFactory())

    page = client.get("/admin/eligibility/decision/").content.decode()

    assert text in " ".join(page[page.index('class="paginator"') :][:400].split())
