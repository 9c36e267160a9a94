"""Whether rows that a file added are used by others since."""

import pghistory.models
from django.db.models import ManyToOneRel, Model
from django.utils.translation import gettext as _

from bulk.kinds import Key


def references(model: type[Model], keys: dict[int, Key]) -> dict[Key, str]:
    """By key, for the rows with these ids: what else refers to the row and keeps it there."""
    found: dict[Key, str] = {}
    for relation in model._meta.get_fields(include_hidden=True):
        if not isinstance(relation, ManyToOneRel) or _is_history(relation.related_model):
            continue
        name = relation.field.attname
        used = relation.related_model._base_manager.filter(**{f"{name}__in": list(keys)})
        for pk in set(used.values_list(name, flat=True)):
            what = relation.related_model._meta.verbose_name_plural
            found.setdefault(keys[pk], _("it is in use: %(what)s") % {"what": what})
    return found


def _is_history(model: type[Model]) -> bool:
    return issubclass(model, pghistory.models.Event)
