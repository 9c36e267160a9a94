from django.http import HttpResponse

from eligibility import sessions


def sign_in(client, person) -> None:
    """Give this browser the cookie of somebody who proved who they are."""
    response = HttpResponse()
    sessions.sign_in(response, person_id=person.pk)
    client.cookies[sessions.COOKIE] = response.cookies[sessions.COOKIE].value
