"""Route by route, as long as there is time: changed requests, until one is answered wrongly.

First what most often goes wrong, in all fields of each route at once; then in one field at a time,
and what Hypothesis makes of them, with twice as many requests each time.
"""

import random
import time
import zlib
from collections import defaultdict
from collections.abc import Iterable

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.promises.fuzzing.changes import one_by_one, plans, sweep
from tests.promises.fuzzing.pages import Learner
from tests.promises.fuzzing.targets import Plan, Target
from tests.promises.fuzzing.wire import Answer, Wire

_QUIET = settings(
    database=None, deadline=None, derandomize=False, report_multiple_bugs=False,
    phases=[Phase.generate, Phase.shrink], suppress_health_check=list(HealthCheck),
)  # fmt: skip
# Answers that have no body by the rules of HTTP.
_WITHOUT_BODY = {204, 301, 302, 303, 304, 307, 308}


class Campaign:
    """`failures`: for each route that failed, the smallest request that does."""

    def __init__(self, wire: Wire, learner: Learner, *, known: list[str], number: int) -> None:
        self._wire, self._learner, self._known, self._seed = wire, learner, known, number
        self.failures = {
            f"{answer.request.method} {answer.request.path}": told(answer)
            for answer in learner.failed
        }
        self.sent = 0
        self.reached: set[str] = set()
        self._groups: dict[str, list[Target]] = defaultdict(list)
        for targets in learner.targets.values():
            for target in targets:
                self._groups[f"{target.method} {target.route}"].append(target)

    def run(self, seconds: float, *, only: str = "") -> None:
        """Each route, then each again with more requests, until the time is up."""
        until = time.monotonic() + seconds
        groups = sorted(name for name in self._groups if only in name)
        random.Random(self._seed).shuffle(groups)  # noqa: S311 - an order, no secret
        turn = 0
        while time.monotonic() < until and groups:
            for name in groups:
                if time.monotonic() < until and name not in self.failures:
                    self._turn(name, until, turn)
            turn += 1

    def _turn(self, name: str, until: float, turn: int) -> None:
        targets = self._groups[name]
        method, _space, route = name.partition(" ")
        fields = {field for target in targets for field, _value in target.values}
        names = sorted(fields | self._learner.names[route, method])
        self.reached.add(name)
        if turn == 0:
            self._send(name, until, sweep(targets[0], names))
        elif turn > 1 or self._send(name, until, one_by_one(targets[0], names)):
            self._try(name, until, turn - 1, targets, names)

    def _send(self, name: str, until: float, requests: Iterable[Plan]) -> bool:
        """Send them as long as there is time; False after one that was answered wrongly."""
        for plan in requests:
            if time.monotonic() >= until:
                break
            answer = self._ask(name, plan)
            if is_wrong(answer):
                self.failures[name] = f"as {plan.target.state.name}: {told(answer)}"
                return False
        return True

    def _ask(self, name: str, plan: Plan) -> Answer:
        method, _space, route = name.partition(" ")
        answer = self._wire.ask(plan.request())
        self.sent += 1
        self._learner.names[route, method] |= answer.read
        return answer

    def _try(
        self, name: str, until: float, turn: int, targets: list[Target], names: list[str]
    ) -> None:
        examples = (4 + 4 * len(names)) * 2**turn
        own_seed = zlib.crc32(name.encode()) ^ self._seed ^ turn
        last: list[str] = []

        @seed(own_seed)
        @settings(_QUIET, max_examples=examples)
        @given(plan=plans(targets, names, self._known))
        def each(plan: Plan) -> None:
            if last or time.monotonic() < until:
                answer = self._ask(name, plan)
                if is_wrong(answer):
                    last[:] = [f"as {plan.target.state.name}: {told(answer)}"]
                    raise AssertionError

        try:
            each()
        except AssertionError:
            self.failures[name] = last[0]


def is_wrong(answer: Answer) -> bool:
    if answer.status >= 500 or answer.error:
        return True
    silent = answer.status in _WITHOUT_BODY or answer.request.method == "HEAD"
    return not silent and not answer.content


def told(answer: Answer) -> str:
    return f"{answer.status or 'nothing'} for {answer.request}\n{answer.error}"
