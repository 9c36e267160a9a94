from vaccination.models.doses import DoseGiven, NotDone, Reaction
from vaccination.models.lots import DefaultLot, Lot, LotMovement
from vaccination.models.questionnaires import Questionnaire, QuestionnaireResponse
from vaccination.models.recalls import Recall

__all__ = [
    "DefaultLot",
    "DoseGiven",
    "Lot",
    "LotMovement",
    "NotDone",
    "Questionnaire",
    "QuestionnaireResponse",
    "Reaction",
    "Recall",
]
