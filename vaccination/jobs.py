from vaccination.services import recalls


def run_recall(recall_id: int) -> None:
    recalls.run_recall(recall_id)


def continue_recalls() -> None:
    recalls.continue_recalls()
