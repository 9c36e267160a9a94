"""Names of actors (staff.actors) and of browsers for staff pages."""

from collections.abc import Iterable

from django.utils.translation import gettext as _
from ua_parser import parse_os, parse_user_agent

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


def actor_names(actors: Iterable[str]) -> dict[str, str]:
    """The names of many actors by `by`, in one query; staff whose account is unknown keep it."""
    texts = set(actors)
    ids = {by: user_id for by in texts if (user_id := user_id_of(by)) is not None}
    users = User.objects.filter(pk__in=ids.values()) if ids else User.objects.none()
    names = dict(users.values_list("pk", "username"))
    fixed = {CITIZEN: _("the person"), SYSTEM: _("the system"), "": "–"}
    return {by: names.get(ids.get(by, -1)) or fixed.get(by, by) for by in texts}


def browser_name(agent: str) -> str:
    """Browser and system that a User-Agent header claims ("Chrome · Windows")."""
    claims = [parse_user_agent(agent), parse_os(agent)]
    return " · ".join(claim.family for claim in claims if claim) or _("Unknown browser")
