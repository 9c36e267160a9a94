"""Writes docs/roles.md from the permission table."""

from django.utils import translation

from staff.enums import Role
from staff.roles import sees_people, table

_TITLE = """# Roles

Made by `manage.py roles > docs/roles.md` from the table in staff/roles.py; a test compares. Which
rows each role sees is staff/scoping.py: a clinic's staff their clinic, a local government its
region or district, the others everything of the kinds they see.

"""
_ACTS = """
view, add, change: Django's own. export: download with a reason. book: for callers and walk-ins.
retry: send a failed message again. link: make a link that sets a password. unlock: forgive wrong
tries. reset: remove a second factor. decide: grant a role that somebody else asked for.

Nobody does any of the last four to their own account. A link or a reset for an account that sees
people is made by those who decide on roles. Superusers, made by `manage.py createsuperuser`, may do
everything and are recorded too.
"""


def roles_page() -> str:
    with translation.override("en"):
        heads = [str(role.label) for role in Role]
    lines = [
        "| | " + " | ".join(heads) + " |",
        "|---" * (len(heads) + 1) + "|",
        "| sees people | " + " | ".join("yes" if sees_people(r) else "no" for r in Role) + " |",
    ]
    lines += [
        f"| {model} | " + " | ".join(", ".join(acts) or "–" for acts in rights.values()) + " |"
        for model, rights in table().items()
    ]
    return _TITLE + "\n".join(lines) + "\n" + _ACTS
