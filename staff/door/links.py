"""The tokens of links by which an account is invited."""

from datetime import datetime

from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.utils import timezone

from database.clock import known_now


class LinkTokens(PasswordResetTokenGenerator):
    """Django's, whose age is told by the database's clock."""

    def _now(self) -> datetime:
        return timezone.make_naive(known_now())


tokens = LinkTokens()
