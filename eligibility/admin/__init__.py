"""Admin pages of the health authority. Importing the modules registers their models."""

from eligibility.admin import cohorts, family, people, reviews, uploads
from eligibility.admin.people import people_meant

__all__ = ["cohorts", "family", "people", "people_meant", "reviews", "uploads"]
