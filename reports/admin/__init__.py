"""The staff's pages of exports."""

from reports.admin import files, pages

__all__ = ["files", "pages"]
