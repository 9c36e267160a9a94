from typing import Any, TypeGuard

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser

from staff.models import User
from staff.roles import allowed, allowed_to

Account = User | AnonymousUser


class RoleBackend(ModelBackend):
    """Permissions by role alone (staff.roles): none are stored with users or groups."""

    def get_user(self, user_id: int) -> User | None:
        """As Django's, with the clinic of those who work at one: their pages show it."""
        user = User.objects.select_related("clinic").filter(pk=user_id).first()
        return user if user and self.user_can_authenticate(user) else None

    def get_user_permissions(self, user_obj: Account, obj: Any = None) -> set[str]:
        return set()

    def get_group_permissions(self, user_obj: Account, obj: Any = None) -> set[str]:
        return set()

    def has_perm(self, user_obj: Account, perm: str, obj: Any = None) -> bool:
        return _works_here(user_obj) and allowed(user_obj.role, perm)

    def has_module_perms(self, user_obj: Account, app_label: str) -> bool:
        return _works_here(user_obj) and any(
            perm.startswith(f"{app_label}.") for perm in allowed_to(user_obj.role)
        )


def _works_here(account: Account) -> TypeGuard[User]:
    return isinstance(account, User) and account.is_active
