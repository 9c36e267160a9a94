"""Limits on wrong passwords and codes of staff, counted in the database.

- Per account: wrong tries from all unknown browsers are counted together; above a limit they have
  to wait, or a manager unlocks the account. Each browser that the owner signed in with before has
  its own count.
- Per network: after many failures each further one doubles the wait, up to a minute. A network is
  never locked, as an office has one address and a guest could lock its staff out.
- The same queries run whether or not a user name exists.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.http import HttpRequest

from database.clock import Now, known_now
from privacy.cipher import blind_index
from staff.door.known_devices import known_for
from staff.enums import Step
from staff.models import LogInFailure, User
from web.addresses import client_address, network_of

log = logging.getLogger(__name__)

# (wrong tries, period) of one account, from all unknown browsers or from one known browser.
PER_ACCOUNT = [(10, timedelta(minutes=10)), (50, timedelta(days=1))]
# Wrong tries from one network in NETWORK_PERIOD without a wait; each further one doubles the wait.
FREE_PER_NETWORK, NETWORK_PERIOD = 20, timedelta(minutes=10)
LONGEST_WAIT = 60  # seconds
KEPT = timedelta(days=90)


@dataclass(frozen=True)
class AttemptRefused:
    """The password or code was not checked. `wait`: seconds, or None if the account is guarded."""

    wait: int | None


@dataclass(frozen=True)
class Attempt:
    """One try of a password or code; `device` is the number of a known browser, or ""."""

    user: User | None
    name_index: str
    network: str
    device: str
    step: Step

    def reserve(self) -> LogInFailure | AttemptRefused:
        """Count this try as a failure; the caller deletes the row if it succeeds.

        Counted before the check, so that concurrent tries can't all pass below the limit.
        """
        refusal = self._refusal(own=0)
        if refusal:
            return refusal
        row = LogInFailure.objects.create(
            user=self.user,
            name_index=self.name_index,
            network=self.network,
            device=self.device,
            step=self.step,
        )
        # Checked again with the own row in: concurrent tries see each other's rows.
        if self._account_is_guarded(own=1):
            row.delete()
            return AttemptRefused(wait=None)
        return row

    def _refusal(self, *, own: int) -> AttemptRefused | None:
        if self._account_is_guarded(own=own):
            return AttemptRefused(wait=None)
        # A known browser is not slowed down by other people of its network.
        if not self.device and (wait := self._network_waits()):
            return AttemptRefused(wait=wait)
        return None

    def _account_is_guarded(self, *, own: int) -> bool:
        now = known_now()
        unlocked = self.user.unlocked_at if self.user else None
        rows = LogInFailure.objects.filter(name_index=self.name_index, device=self.device)
        return any(
            rows.filter(at__gt=max(now - period, unlocked or now - period)).count() - own >= most
            for most, period in PER_ACCOUNT
        )

    def _network_waits(self) -> int:
        """Seconds until this network may try again."""
        if not self.network:
            return 0
        now = known_now()
        rows = LogInFailure.objects.filter(
            network=self.network, device="", at__gt=now - NETWORK_PERIOD
        )
        latest: list[datetime] = list(rows.order_by("-at").values_list("at", flat=True))
        beyond = len(latest) - FREE_PER_NETWORK
        if beyond < 0:
            return 0
        wait = min(2 ** min(beyond, 10), LONGEST_WAIT)
        seconds: int = round(wait - (now - latest[0]).total_seconds())
        return max(0, seconds)

    def log_failure(self) -> None:
        """Log the wrong try without the typed name, which may be a mistyped password."""
        account = f"account {self.user.pk}" if self.user else f"no account {self.name_index[:8]}"
        log.warning(
            "log-in refused: wrong %s, %s, from %s, %s browser",
            self.step.value,
            account,
            self.network or "an unknown address",
            "a known" if self.device else "an unknown",
        )


def attempt_of(request: HttpRequest, username: str, step: Step) -> Attempt:
    # Postgres refuses NUL in texts.
    user = User.objects.filter(username=username).first() if "\0" not in username else None
    address = client_address(request)
    return Attempt(
        user=user,
        name_index=blind_index(username.casefold(), context=b"staff.username").hex(),
        network=network_of(address) if address else "",
        device=known_for(request, user),
        step=step,
    )


def is_guarded(user: User) -> bool:
    """Whether unknown browsers must wait to sign in as this user; a manager can unlock it."""
    index = blind_index(user.username.casefold(), context=b"staff.username").hex()
    return Attempt(user, index, "", "", Step.PASSWORD)._account_is_guarded(own=0)


def forget_old_failures() -> int:
    return LogInFailure.objects.filter(at__lt=Now() - KEPT).delete()[0]
