"""Limits on wrong passwords and codes of staff, counted in the database.

Above a limit each try needs a proof of work, or a minute of waiting in a browser without scripts;
no account and no network is ever locked, so nobody can shut a clinic out.

- Per account: wrong tries from all unknown browsers are counted together. Each browser that the
  owner signed in with before has its own count. The work doubles as wrong tries go on.
- Per network: an office has one address, and a guest of it may use up its free tries.
- Codes of an authenticator app, which have a million values only, are not taken from unknown
  browsers after CODES_A_DAY wrong ones; who types them had the right password. Recovery codes,
  passkeys and known browsers go on.
- The same queries run whether or not a user name exists.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import HttpRequest

from database.clock import Now, known_now
from privacy.cipher import blind_indexes
from staff.door.known_devices import known_for
from staff.enums import Step
from staff.models import LogInFailure, User
from web.addresses import client_address, network_of
from web.proof_of_work import PATIENCE, solution_of, wait_of

log = logging.getLogger(__name__)

_WORK, _WAIT = "work:", "wait:"
# (wrong tries, period) without work, of one account, from all unknown browsers or one known one.
FREE_PER_ACCOUNT = [(10, timedelta(minutes=10)), (50, timedelta(days=1))]
FREE_PER_NETWORK = (20, timedelta(minutes=10))
# The work of one try doubles with each so many further wrong ones.
DOUBLES_EVERY, MOST_TIMES = 20, 16
CODES_A_DAY = 50
KEPT = timedelta(days=90)


@dataclass(frozen=True)
class WorkNeeded:
    """The password or code was not checked; `times` the usual work comes first."""

    times: int


@dataclass(frozen=True)
class Attempt:
    """One try of a password or code; `device` is the number of a known browser, or ""."""

    user: User | None
    name_indexes: tuple[str, ...]  # keyed hashes of the typed name, one under each index key
    network: str
    device: str
    step: Step
    # What the form carries of a proof of work.
    work: str = ""
    wait: str = ""

    @property
    def name_index(self) -> str:
        """The one to be stored."""
        return self.name_indexes[0]

    def reserve(self) -> LogInFailure | WorkNeeded:
        """Count this try as a failure; the caller deletes the row if it succeeds.

        Counted before the check, so that concurrent tries can't all pass below the limit.
        """
        times = self._work_needed(own=0)
        proof = self._proof(times) if times else None
        if times and proof is None:
            return WorkNeeded(times)
        try:
            with transaction.atomic():
                row = LogInFailure.objects.create(
                    user=self.user,
                    name_index=self.name_index,
                    network=self.network,
                    device=self.device,
                    step=self.step,
                    proof=proof,
                )
        except IntegrityError:  # this work was done for another try
            return WorkNeeded(times)
        # Checked again with the own row in: concurrent tries see each other's rows.
        times = self._work_needed(own=1)
        if times and (proof is None or self._waits_for_another(proof, own=1)):
            row.delete()
            return WorkNeeded(times)
        return row

    def _proof(self, times: int) -> str | None:
        solution = solution_of(self.work, times=times)
        if solution:
            return f"{_WORK}{solution}"
        wait = wait_of(self.wait, self.name_index)
        proof = f"{_WAIT}{wait}" if wait else None
        return proof if proof and not self._waits_for_another(proof, own=0) else None

    def _waits_for_another(self, proof: str, *, own: int) -> bool:
        """Whether a wait counted already within the last minute: pages to wait on cost nothing, so
        they count one after the other, for the account and for the network."""
        if not proof.startswith(_WAIT):
            return False
        waits = LogInFailure.objects.filter(proof__startswith=_WAIT, at__gt=known_now() - PATIENCE)
        same = Q(name_index__in=self.name_indexes)
        if self.network:
            same |= Q(network=self.network)
        return waits.filter(same).count() > own

    def _work_needed(self, *, own: int) -> int:
        """How many times the usual work this try needs; 0 for none."""
        beyond = max(self._beyond_account(), self._beyond_network()) - own
        return min(2 ** (beyond // DOUBLES_EVERY), MOST_TIMES) if beyond >= 0 else 0

    def _beyond_account(self) -> int:
        """By how many wrong tries the account is at its limit or above, in the worst window."""
        rows = LogInFailure.objects.filter(name_index__in=self.name_indexes, device=self.device)
        return max(
            rows.filter(at__gt=self._since(period)).count() - free
            for free, period in FREE_PER_ACCOUNT
        )

    def _beyond_network(self) -> int:
        """The same for the network; a known browser does not pay for others in its network."""
        free, period = FREE_PER_NETWORK
        if self.device or not self.network:
            return -free
        rows = LogInFailure.objects.filter(network=self.network, device="")
        return rows.filter(at__gt=known_now() - period).count() - free

    def _since(self, period: timedelta) -> datetime:
        start = known_now() - period
        unlocked_at = self.user.unlocked_at if self.user else None
        return max(start, unlocked_at) if unlocked_at else start

    def takes_app_codes(self) -> bool:
        """Whether a code of an authenticator app still counts in this browser."""
        rows = LogInFailure.objects.filter(
            name_index__in=self.name_indexes, device=self.device, step=Step.CODE
        )
        wrong = rows.filter(at__gt=self._since(timedelta(days=1))).count()
        return bool(self.device) or wrong < CODES_A_DAY

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
        name_indexes=_name_indexes(username),
        network=network_of(address) if address else "",
        device=known_for(request, user),
        step=step,
        work=request.POST.get("work", ""),
        wait=request.POST.get("wait", ""),
    )


def is_guarded(user: User) -> bool:
    """Whether unknown browsers need work to sign in as this user; a manager can unlock it."""
    indexes = _name_indexes(user.username)
    return Attempt(user, indexes, "", "", Step.PASSWORD)._beyond_account() >= 0


def _name_indexes(username: str) -> tuple[str, ...]:
    indexes = blind_indexes(username.casefold(), context=b"staff.username")
    return tuple(index.hex() for index in indexes)


def forget_old_failures() -> int:
    return LogInFailure.objects.filter(at__lt=Now() - KEPT).delete()[0]
