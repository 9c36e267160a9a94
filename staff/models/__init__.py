from staff.models.accesses import Access, PeopleSet
from staff.models.devices import Authenticator, RecoveryCodes
from staff.models.failures import LogInFailure
from staff.models.notices import Notice
from staff.models.openid import OpenIdAccount
from staff.models.passkeys import Passkey
from staff.models.role_requests import RoleRequest
from staff.models.sessions import Session
from staff.models.users import User

__all__ = [
    "Access",
    "Authenticator",
    "LogInFailure",
    "Notice",
    "OpenIdAccount",
    "Passkey",
    "PeopleSet",
    "RecoveryCodes",
    "RoleRequest",
    "Session",
    "User",
]
