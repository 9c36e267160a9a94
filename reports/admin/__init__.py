"""The staff's pages of exports."""

from reports.admin import files, pages, schedules, tokens

__all__ = ["files", "pages", "schedules", "tokens"]
