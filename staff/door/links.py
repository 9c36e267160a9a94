"""Tokens of invitation links."""

from datetime import datetime

from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.utils import timezone

from database.clock import known_now


class LinkTokens(PasswordResetTokenGenerator):
    """Django's tokens for setting a password, with their age by the database's clock."""

    def _now(self) -> datetime:
        # Naive, as Django subtracts it from a naive 1 January 2001.
        return timezone.make_naive(known_now())


tokens = LinkTokens()
