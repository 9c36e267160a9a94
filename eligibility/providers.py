"""Citizens' identity providers by configuration: what their claims say about a person.

`JARI_PROVIDERS` is a JSON list of {code, name_ko, name_en, issuer, client_id, client_secret, and
where they differ: scope, claims, certified, hosts, acr, max_age}. The claims of a certified
provider are proof of name, birth date and phone; those of any other only fill in the form.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.conf import settings

from database.clock import known_today
from eligibility import spelling
from outside.dependencies import THREADS
from outside.openid import Client, Wait
from web.language import reads_korean

_CLAIMS = {"name": "name", "birth_date": "birthdate", "phone": "phone_number"}


@dataclass(frozen=True)
class Identity:
    """A provider's claims about the person, normalised; None for an absent or unreadable claim."""

    subject: str
    name: str | None
    birth_date: date | None
    phone: str | None

    @property
    def is_complete(self) -> bool:
        return None not in (self.name, self.birth_date, self.phone)


@dataclass(frozen=True, kw_only=True)
class Provider(Client):
    """One OpenID Connect provider of the settings."""

    name_ko: str
    name_en: str
    scope: str = "openid profile phone"
    claims: Mapping[str, str] = field(default_factory=lambda: _CLAIMS)
    certified: bool = False

    @property
    def name(self) -> str:
        return self.name_ko if reads_korean() else self.name_en

    def finish(
        self, answer: Mapping[str, str], *, state: Mapping[str, str], redirect_uri: str
    ) -> Identity:
        """The identity, from the query parameters of the provider's redirect and `begin`'s state.

        Raises Declined or ProviderProblem, which counts in the provider's traffic light.
        """
        wait = Wait(settings.PROVIDER_SECONDS, most=THREADS)
        wanted = set(self.claims.values())
        return self._identity(
            self.verified_claims(
                answer, state=state, redirect_uri=redirect_uri, wait=wait, wanted=wanted
            )
        )

    def _identity(self, given: Mapping[str, Any]) -> Identity:
        def read(name: str, parse: Callable[[str], Any]) -> Any:
            try:
                return parse(str(given[self.claims.get(name, _CLAIMS[name])]))
            except (KeyError, ValueError):
                return None

        today = known_today()
        return Identity(
            subject=str(given["sub"]),
            name=read("name", spelling.person_name),
            birth_date=read("birth_date", lambda text: spelling.birth_date(text, today=today)),
            phone=read("phone", spelling.mobile_phone),
        )


def configured() -> dict[str, Provider]:
    """The providers of the settings, by code; raises ImproperlyConfigured."""
    providers = [Provider.of_setting("JARI_PROVIDERS", values) for values in settings.PROVIDERS]
    return {provider.code: provider for provider in providers}
