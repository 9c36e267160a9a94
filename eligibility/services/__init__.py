"""Everything that writes; one file per noun."""

from eligibility.indexes import identity_index, name_birth_index, phone_index
from eligibility.services.changes import (
    apply_due_changes,
    plan_change,
    preview_change,
    withdraw_change,
)
from eligibility.services.corrections import ask_correction, grant_correction, refuse_correction
from eligibility.services.decisions import Answer, decide, eligible_decision, store_decisions
from eligibility.services.family import (
    answer_proxy_request,
    ask_to_book_for,
    end_proxy,
    requests_to,
    waiting_requests,
    withdraw_proxy_request,
)
from eligibility.services.identity import (
    RESEND_AFTER,
    check_code,
    choose_district,
    find_or_declare,
    resend_code,
    sent_message,
    start_verification,
)
from eligibility.services.reviews import grant_review, open_review, refuse_review, withdraw_review

__all__ = [
    "RESEND_AFTER",
    "Answer",
    "answer_proxy_request",
    "apply_due_changes",
    "ask_correction",
    "ask_to_book_for",
    "check_code",
    "choose_district",
    "decide",
    "eligible_decision",
    "end_proxy",
    "find_or_declare",
    "grant_correction",
    "grant_review",
    "identity_index",
    "name_birth_index",
    "open_review",
    "phone_index",
    "plan_change",
    "preview_change",
    "refuse_correction",
    "refuse_review",
    "requests_to",
    "resend_code",
    "sent_message",
    "start_verification",
    "store_decisions",
    "waiting_requests",
    "withdraw_change",
    "withdraw_proxy_request",
    "withdraw_review",
]
