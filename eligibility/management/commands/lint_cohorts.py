from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from database.clock import database_now
from eligibility.facts import cohorts_in_force, rule_of
from eligibility.lint import Level, lint
from web.commands import PortalCommand


class Command(PortalCommand):
    help = gettext_lazy("Say what is missing, double or out of order in the cohorts")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--language",
            choices=settings.STAFF_LANGUAGES,
            default=settings.LANGUAGE_CODE,
            help=_("language of the messages"),
        )

    def handle(self, *, language: str, **options: Any) -> None:
        with translation.override(language):
            now = database_now()
            cohorts = cohorts_in_force(now)
            findings = lint(cohorts, [rule_of(cohort) for cohort in cohorts], now)
            for finding in findings:
                codes = ", ".join(finding.cohorts)
                self.stdout.write(f"{finding.level.label}: {codes}: {finding.text}")
            errors = sum(finding.level == Level.ERROR for finding in findings)
            if errors:
                raise CommandError(
                    ngettext("%(count)s error.", "%(count)s errors.", errors) % {"count": errors}
                )
            if not findings:
                self.stdout.write(_("Nothing is missing, double or out of order."))
