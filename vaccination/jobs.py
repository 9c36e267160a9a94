from datetime import datetime

from vaccination.services import questionnaires, recalls


def run_recall(recall_id: int) -> None:
    recalls.run_recall(recall_id)


def continue_recalls() -> None:
    recalls.continue_recalls()


def destroy_old_answers(now: datetime) -> tuple[str, int]:  # of eligibility.hooks.also_purge
    return "answers before vaccinations", questionnaires.destroy_old_answers(now)
