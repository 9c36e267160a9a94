from vaccination.admin.doses import DoseGivenAdmin
from vaccination.admin.lots import LotAdmin
from vaccination.admin.questionnaires import QuestionnaireAdmin
from vaccination.admin.recalls import RecallAdmin

__all__ = ["DoseGivenAdmin", "LotAdmin", "QuestionnaireAdmin", "RecallAdmin"]
