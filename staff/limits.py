"""How often a password or code may be wrong.

Counted in the database: a log-in is rare, and without Redis nothing changes. Three rules:

- an account takes so many wrong tries from all unknown browsers together; then those wait, or a
  manager unlocks it. Browsers that the owner signed in with before have a count of their own;
- an address that failed often waits a little longer after each failure, up to a minute. It is
  never locked: an office has one address, and a guest of it must not close it;
- what is asked is the same whether or not a name exists.
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

# Wrong tries of one account, from all unknown browsers or from one known one, within a time.
PER_ACCOUNT = [(10, timedelta(minutes=10)), (50, timedelta(days=1))]
# From one address: so many within ten minutes cost nothing, each further one doubles the wait.
FREE_PER_NETWORK, NETWORK_PERIOD = 20, timedelta(minutes=10)
LONGEST_WAIT = 60  # seconds
KEPT = timedelta(days=90)


@dataclass(frozen=True)
class Refusal:
    """Why a try is not even looked at; `wait` in seconds, None for an account that is guarded."""

    wait: int | None


@dataclass(frozen=True)
class Attempt:
    """Who tries, from where, at which step."""

    user: User | None
    name_index: str
    network: str
    device: str
    step: Step

    def reserve(self) -> LogInFailure | Refusal:
        """Count this try as a failure until `succeeded`; Refusal if there were too many."""
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
        # Others may have been counted meanwhile: each sees the rows of all before it.
        if self._account_is_guarded(own=1):
            row.delete()
            return Refusal(wait=None)
        return row

    def _refusal(self, *, own: int) -> Refusal | None:
        if self._account_is_guarded(own=own):
            return Refusal(wait=None)
        if not self.device and (wait := self._network_waits()):
            return Refusal(wait=wait)
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
        """Seconds until this address may try again."""
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

    def failed(self) -> None:
        """Into the log, without the name: the account's number, or a piece of the hash."""
        account = f"account {self.user.pk}" if self.user else f"no account {self.name_index[:8]}"
        log.warning(
            "log-in refused: wrong %s, %s, from %s, %s browser",
            self.step.value,
            account,
            self.network or "an unknown address",
            "a known" if self.device else "an unknown",
        )


def attempt_of(request: HttpRequest, username: str, step: Step) -> Attempt:
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
    """Whether unknown browsers must wait to sign in as this user; what a manager can unlock."""
    index = blind_index(user.username.casefold(), context=b"staff.username").hex()
    return Attempt(user, index, "", "", Step.PASSWORD)._account_is_guarded(own=0)


def forget_old_failures() -> int:
    return LogInFailure.objects.filter(at__lt=Now() - KEPT).delete()[0]
