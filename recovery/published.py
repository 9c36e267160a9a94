"""What was published of the lines' logs, to hold a restored database against."""

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from recovery.exceptions import DrillFailed
from waiting_room.models import LogPage, Room
from waiting_room.services.log_keys import origin_of, signers_of
from waiting_room.tlog.checkpoints import Checkpoint
from waiting_room.tlog.notes import BadNote, Note


@dataclass(frozen=True)
class Published:
    """A log of `size` pages that was signed, with its root in hex."""

    code: str
    size: int
    root: str

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def of_portal(until: datetime | None) -> list[Published]:
    """The whole log of each line, or its pages `until` a time: nothing longer was signed."""
    found = []
    for room in Room.objects.select_related("cohort").order_by("pk"):
        pages = room.pages.order_by("-number")
        page = (pages.filter(at__lte=until) if until else pages).first()
        if page:
            found.append(Published(room.cohort.code, page.number, page.log_root))
    return found


def of_folder(folder: Path) -> list[Published]:
    """Signed checkpoints as web servers, copies and witnesses have them: CODE/checkpoint.

    DrillFailed for one that our keys did not sign, and if there is none."""
    found = [_read(file) for file in sorted(folder.glob("*/checkpoint"))]
    if not found:
        raise DrillFailed(f"There is no checkpoint below {folder}.")
    return found


def _read(file: Path) -> Published:
    code = file.parent.name
    try:
        note = Note.parse(file.read_text(encoding="utf-8"))
        checkpoint = Checkpoint.of(note)
        is_signed = any(signer.verifier.signature_on(note) for signer in signers_of(code))
    except (OSError, ValueError, BadNote) as error:
        raise DrillFailed(f"The checkpoint of {code} can't be read: {error}") from None
    if not is_signed or checkpoint.origin != origin_of(code):
        raise DrillFailed(f"The checkpoint of {code} is not signed by JARI_LOG_KEYS.")
    return Published(code, checkpoint.size, checkpoint.root.hex())


def missing(published: Published) -> str:
    """What this database lacks of a published log, in a sentence; empty if it lacks nothing."""
    pages = LogPage.objects.filter(room__cohort__code=published.code)
    page = pages.filter(number=published.size).first()
    if published.size and page is None:
        return (
            f"Line {published.code}: {published.size} pages of its log were signed, "
            f"{pages.count()} were restored."
        )
    if page and page.log_root != published.root:
        return f"Line {published.code}: page {page.number} of its log is not the signed one."
    return ""
