from django.http import HttpResponse

from eligibility import sessions


def sign_in(client, person) -> None:
    """Give this browser the sign-in cookie of a person."""
    response = HttpResponse()
    sessions.sign_in(response, person_id=person.pk)
    client.cookies[sessions.COOKIE] = response.cookies[sessions.COOKIE].value
