from django.utils.translation import gettext_lazy

from booking.imports.slots import SlotKind
from bulk.commands import KindCommand


class Command(KindCommand):
    help = gettext_lazy(
        "Add slots, or change their capacity: one time in each row, or opening hours to be cut"
    )
    kind = SlotKind
