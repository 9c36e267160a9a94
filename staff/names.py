"""Names of actors (staff.actors) for staff pages."""

from django.utils.translation import gettext as _

from staff.actors import CITIZEN, SYSTEM, user_id_of
from staff.models import User


def actor_name(by: object) -> str:
    """The name of an actor for a page: a user's name, the person, the system, or a command."""
    text = str(by)
    user_id = user_id_of(text)
    if user_id is not None:
        name = User.objects.filter(pk=user_id).values_list("username", flat=True).first()
        return name or text
    return {CITIZEN: _("the person"), SYSTEM: _("the system"), "": "–"}.get(text, text)
