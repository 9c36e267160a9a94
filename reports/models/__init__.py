from reports.models.files import ExportFile, ExportSchedule, ExportToken, PublishedTable
from reports.models.line import EveningReport, PortalMinute

__all__ = [
    "EveningReport",
    "ExportFile",
    "ExportSchedule",
    "ExportToken",
    "PortalMinute",
    "PublishedTable",
]
