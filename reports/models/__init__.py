from reports.models.files import ExportFile, ExportSchedule, ExportToken, PublishedTable
from reports.models.line import PortalMinute

__all__ = [
    "ExportFile",
    "ExportSchedule",
    "ExportToken",
    "PortalMinute",
    "PublishedTable",
]
