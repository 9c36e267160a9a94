from typing import TYPE_CHECKING

from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.utils.translation import gettext_lazy as _

from staff.models.users import User

if TYPE_CHECKING:
    from staff.sessions import SessionStore


class Session(AbstractBaseSession):
    """A browser in which a user is signed in; users see their own sessions and can end them."""

    user = models.ForeignKey(
        User, on_delete=models.CASCADE, null=True, related_name="sessions", verbose_name=_("user")
    )
    began_at = models.DateTimeField(_("began at"), null=True)
    seen_at = models.DateTimeField(_("last used at"), null=True)
    address = models.GenericIPAddressField(_("address"), null=True)
    agent = models.CharField(_("browser"), max_length=200, blank=True)

    class Meta(AbstractBaseSession.Meta):
        abstract = False

    @classmethod
    def get_session_store_class(cls) -> "type[SessionStore]":
        from staff.sessions import SessionStore  # a circle: the store imports this model

        return SessionStore
