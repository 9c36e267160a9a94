"""What only staff need is left out where citizens are."""

import pytest

pytestmark = pytest.mark.django_db


def test_a_citizens_page_opens_no_session_and_asks_for_no_log_in(client, django_user_model):
    user = django_user_model.objects.create(username="clinic", is_staff=True, is_superuser=True)
    client.force_login(user)

    citizens, staffs = client.get("/").wsgi_request, client.get("/admin/").wsgi_request

    names = ["session", "user", "_messages"]
    assert [hasattr(citizens, name) for name in names] == [False] * 3
    assert [hasattr(staffs, name) for name in names] == [True] * 3
    assert staffs.user == user
