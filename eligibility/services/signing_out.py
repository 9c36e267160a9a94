"""Ending all sessions of a person; a session itself is a cookie (eligibility.sessions)."""

from django.db.models import F

from eligibility.models import Person


def sign_out_everywhere(person_id: int) -> None:
    """End all sessions of this person and of their proxy: raises the generation."""
    # In the database, not read and written: two calls at once must not keep an older generation.
    Person.objects.filter(pk=person_id).update(session_generation=F("session_generation") + 1)
