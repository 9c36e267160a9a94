"""All exports by name: data, and nothing else knows their columns."""

from reports.definitions import booking, line, records, vaccination
from reports.exports import Export

EXPORTS: dict[str, Export] = {
    export.name: export
    for export in [
        booking.RESERVATIONS,
        vaccination.DOSES,
        vaccination.DOSES_ELSEWHERE,
        vaccination.UPTAKE,
        booking.CAPACITY,
        booking.NO_SHOWS,
        booking.CANCELLATION_LIST,
        line.WAITING,
        line.REVIEWS,
        line.COMPLAINTS,
        records.MESSAGES,
        records.STAFF_ACTS,
        records.ACCESS,
    ]
}
