"""Admin of accounts, role requests, accesses and failed log-ins. Importing registers the models."""

from staff.admin import accesses, failures, role_requests, users

__all__ = ["accesses", "failures", "role_requests", "users"]
