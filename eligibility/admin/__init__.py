"""The admin of the health authority; one file per desk. Importing them registers them."""

from eligibility.admin import cohorts, family, people, reviews, uploads
from eligibility.admin.people import people_meant

__all__ = ["cohorts", "family", "people", "people_meant", "reviews", "uploads"]
