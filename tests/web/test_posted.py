import pytest
from django.test import RequestFactory

from web.posted import form_data, id_in, posted_id


@pytest.mark.parametrize("text", ["", " 1", "-1", "1.0", "²", "١", "1" * 19, "1\0", "one"])
def test_what_is_no_id_is_none(text):
    assert id_in(text) is None


@pytest.mark.parametrize("number", [0, 7, 10**18 - 1])
def test_an_id_is_read_from_a_form(number):
    request = RequestFactory().post("/", {"slot": number})

    assert posted_id(request, "slot") == number
    assert posted_id(request, "second") is None


def test_a_form_is_bound_to_a_post_even_if_it_is_empty():
    assert form_data(RequestFactory().post("/")) == {}
    assert form_data(RequestFactory().get("/", {"slot": 7})) is None
