from eligibility.models.cohorts import CODE, Cohort, CohortChange, RosterUpload
from eligibility.models.identity import PhoneCode, ProviderAccount, ProviderAnswer, ProviderTry
from eligibility.models.people import Decision, Person, Proxy, ProxyRequest
from eligibility.models.requests import AuthorityRequest, Correction, Review

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
    "RosterUpload",
]
