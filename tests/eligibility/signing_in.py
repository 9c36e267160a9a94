from django.http import HttpResponse

from eligibility import sessions


def sign_in(client, person, **values) -> None:
    """Give this browser the sign-in cookie of a person, or with `by_id` of who acts for them."""
    client.cookies[sessions.COOKIE] = _cookie(person.pk, **values)


def sign_in_context(context, site: str, person_id: int) -> None:
    """The same for a context of Playwright, which opens pages of the portal at `site`."""
    cookie = {"name": sessions.COOKIE, "value": _cookie(person_id), "url": site}
    context.add_cookies([cookie])


def _cookie(person_id: int, **values) -> str:
    response = HttpResponse()
    sessions.sign_in(response, person_id=person_id, **values)
    return response.cookies[sessions.COOKIE].value
