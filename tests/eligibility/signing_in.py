from django.http import HttpResponse

from eligibility import sessions


def sign_in(client, person, **values) -> None:
    """Give this browser the sign-in cookie of a person, or with `by_id` of who acts for them."""
    response = HttpResponse()
    sessions.sign_in(response, person_id=person.pk, **values)
    client.cookies[sessions.COOKIE] = response.cookies[sessions.COOKIE].value
