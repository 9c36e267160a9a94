"""For `migrate` of the fault `rolling` alone: the portal, and migrations that a release might bring
(the rule book: docs/developing.md)."""

from config.settings.dev import *  # noqa: F403

INSTALLED_APPS += ["bench.chaos.rollout"]  # noqa: F405
