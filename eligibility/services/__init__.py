"""Everything that writes; one file per noun."""

from eligibility.indexes import identity_index, name_birth_index, phone_index

from .decisions import Answer, decide, eligible_decision, store_decisions
from .identity import RESEND_AFTER, check_code, resend_code, sent_message, start_verification

__all__ = [
    "RESEND_AFTER",
    "Answer",
    "check_code",
    "decide",
    "eligible_decision",
    "identity_index",
    "name_birth_index",
    "phone_index",
    "resend_code",
    "sent_message",
    "start_verification",
    "store_decisions",
]
