from vaccination.admin.doses import DoseGivenAdmin
from vaccination.admin.lots import LotAdmin
from vaccination.admin.recalls import RecallAdmin

__all__ = ["DoseGivenAdmin", "LotAdmin", "RecallAdmin"]
