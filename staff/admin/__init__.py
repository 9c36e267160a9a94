"""The admin of staff's own rows; importing its files registers them."""

from staff.admin import accesses, failures, role_requests, users

__all__ = ["accesses", "failures", "role_requests", "users"]
