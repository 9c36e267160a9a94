from booking.management.commands import verify_bookings
from vaccination.verifying import INVARIANTS


class Command(verify_bookings.Command):
    help = "Check every invariant of lots, doses and answers on the live tables."
    invariants = INVARIANTS
