from eligibility.models.cohorts import CODE, Cohort, CohortChange
from eligibility.models.identity import PhoneCode, ProviderAccount, ProviderAnswer, ProviderTry
from eligibility.models.people import Decision, Person, Proxy, ProxyRequest
from eligibility.models.requests import AuthorityRequest, Correction, Review
from eligibility.models.rosters import RosterChange, RosterUpload

__all__ = [
    "CODE",
    "AuthorityRequest",
    "Cohort",
    "CohortChange",
    "Correction",
    "Decision",
    "Person",
    "PhoneCode",
    "ProviderAccount",
    "ProviderAnswer",
    "ProviderTry",
    "Proxy",
    "ProxyRequest",
    "Review",
    "RosterChange",
    "RosterUpload",
]
