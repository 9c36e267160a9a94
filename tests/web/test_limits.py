from uuid import uuid4

from django.test import RequestFactory

from web.limits import over


def test_each_key_of_each_group_is_counted_for_itself():
    request, mine, other = RequestFactory().get("/"), uuid4().hex, uuid4().hex

    tries = [over(request, group="tests", key=mine, rate="2/h") for _try in range(3)]

    assert tries == [False, False, True]
    assert not over(request, group="tests", key=other, rate="2/h")
    assert not over(request, group="others", key=mine, rate="2/h")
