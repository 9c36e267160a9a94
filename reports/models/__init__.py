from reports.models.figures import CohortPlan, DailyFigure, FigureCount, Measure
from reports.models.files import ExportFile, ExportSchedule, ExportToken, PublishedTable
from reports.models.line import EveningReport, PortalMinute
from reports.models.mails import MorningSubscription

__all__ = [
    "CohortPlan",
    "DailyFigure",
    "EveningReport",
    "ExportFile",
    "ExportSchedule",
    "ExportToken",
    "FigureCount",
    "Measure",
    "MorningSubscription",
    "PortalMinute",
    "PublishedTable",
]
