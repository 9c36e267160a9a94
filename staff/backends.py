from django.contrib.auth.backends import ModelBackend

from staff.roles import allowed, allowed_to


class RoleBackend(ModelBackend):
    """Permissions follow from the role alone, so that who may do what is one table in one file."""

    def get_user_permissions(self, user_obj, obj=None):
        return set()

    def get_group_permissions(self, user_obj, obj=None):
        return set()

    def has_perm(self, user_obj, perm, obj=None):
        return user_obj.is_active and allowed(user_obj.role, perm)

    def has_module_perms(self, user_obj, app_label):
        return user_obj.is_active and any(
            perm.startswith(f"{app_label}.") for perm in allowed_to(user_obj.role)
        )
