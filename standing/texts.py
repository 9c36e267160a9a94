"""What is said in each state: one row each, for every page, so that no two contradict each other.

The sentence may name %(joins)s, %(opens)s, %(when)s and %(clinic)s.
"""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from standing.states import State


@dataclass(frozen=True)
class Button:
    label: Promise
    view: str  # the name of an address
    of: str = ""  # its argument, by the names of Standing._arguments
    posts: bool = False


@dataclass(frozen=True)
class Texts:
    """A row of the table."""

    badge: Promise
    heading: Promise
    sentence: Promise
    # The same in fewer and easier words, for readers who chose them.
    easy: Promise
    away: Promise
    tone: str = "primary"  # the colour of the badge: success, primary, warning or gray
    action: Button | None = None
    # Where the action's address has no argument, such as a line that has closed meanwhile.
    otherwise: Button | None = None
    also: Button | None = None
    # What is said before the deadline, in the states that have one.
    deadline: Promise | str = ""
    without_date: Promise | str = ""


_SEE = Button(_("See when I can book"), "eligibility")
_PLACE = Button(_("Show my place"), "ticket", of="ticket")
_ENTER = Button(_("Enter and book"), "enter", of="called", posts=True)
_RECEIPT = Button(_("See my reservation"), "reservation", of="number")
_PLACE_STAYS = _(
    "You can close this page, reload it, or open it on another phone. Your place stays the same."
)

TABLE: dict[State, Texts] = {
    State.UNKNOWN: Texts(
        badge=_("Not signed in"),
        tone="gray",
        heading=_("Confirm who you are"),
        sentence=_("Then you see which period is yours, your place in the line and your bookings."),
        easy=pgettext_lazy("easy words", "First, say who you are."),
        action=Button(_("Start"), "identity"),
        away=_("You can do this days before the opening. Nothing is lost if you stop."),
    ),
    State.NOT_YOURS: Texts(
        badge=_("Not yours"),
        tone="gray",
        heading=_("You cannot book yet"),
        sentence=_("None of the periods you looked at is yours. See why, or look for a new one."),
        easy=pgettext_lazy("easy words", "It is not your time to book."),
        action=Button(_("See why, and what I can do"), "eligibility"),
        away=_("There is nothing to wait for here. New periods appear as soon as they are set."),
    ),
    State.NOT_YET: Texts(
        badge=_("Not open yet"),
        tone="warning",
        heading=_("Your booking has not opened yet"),
        sentence=_("You can take a place in the line from %(joins)s."),
        easy=pgettext_lazy("easy words", "Come back on %(joins)s."),
        without_date=_("When you can take a place in the line will be said here."),
        action=_SEE,
        deadline=_("Joining from"),
        away=_("There is nothing to do until then. Your details stay confirmed."),
    ),
    State.MAY_GATHER: Texts(
        badge=_("You can join the line"),
        heading=_("You can take a place before the opening"),
        sentence=_("The line starts to move on %(opens)s. Take your place now or any time before."),
        easy=pgettext_lazy("easy words", "Press the button. Then wait."),
        action=Button(_("Take a place before the opening"), "queue_join", of="code", posts=True),
        deadline=_("Line closes"),
        away=_(
            "You are in the line only once you have taken a place. Then you may close this page."
        ),
    ),
    State.MAY_JOIN: Texts(
        badge=_("Open now"),
        tone="success",
        heading=_("You can book"),
        sentence=_("The line is moving. Join it, and you are called when it is your turn."),
        easy=pgettext_lazy("easy words", "Press the button to join."),
        action=Button(_("Join the line"), "queue_join", of="code", posts=True),
        deadline=_("Line closes"),
        away=_("You are in the line only once you have joined. Then you may close this page."),
    ),
    State.REVIEW: Texts(
        badge=_("Under review"),
        tone="warning",
        heading=_("Your review is open"),
        sentence=_("With a yes you book by your place like everybody. We tell you the decision."),
        easy=pgettext_lazy("easy words", "We are checking. Please wait."),
        action=Button(_("Join the line"), "queue_join", of="joinable", posts=True),
        otherwise=_SEE,
        away=_("A place that you take is kept while the review is open."),
    ),
    State.GATHERED: Texts(
        badge=_("In the line"),
        heading=_("You are in the line"),
        sentence=_("The line starts to move on %(opens)s. You have nothing more to do."),
        easy=pgettext_lazy("easy words", "Wait until %(opens)s."),
        action=_PLACE,
        away=_PLACE_STAYS,
    ),
    State.WAITING: Texts(
        badge=_("Waiting for your turn"),
        heading=_("Your place in the line"),
        sentence=_("You are in the line. We say when it is your turn."),
        easy=pgettext_lazy("easy words", "Please wait. We tell you."),
        action=_PLACE,
        away=_PLACE_STAYS,
    ),
    State.PAUSED: Texts(
        badge=_("Line paused"),
        tone="warning",
        heading=_("The line is paused"),
        sentence=_("Nobody is called during the pause. Your place is kept."),
        easy=pgettext_lazy("easy words", "The line rests. Please wait."),
        action=_PLACE,
        away=_PLACE_STAYS,
    ),
    State.STILL: Texts(
        badge=_("Line stands still"),
        tone="warning",
        heading=_("The line stands still just now"),
        sentence=_("There is nothing you need to do. It goes on by itself."),
        easy=pgettext_lazy("easy words", "Please wait a little."),
        action=_PLACE,
        away=_PLACE_STAYS,
    ),
    State.CALLED: Texts(
        badge=_("Your turn"),
        tone="success",
        heading=_("It is your turn"),
        sentence=_("Enter now, or later: your turn stays yours until the line closes."),
        easy=pgettext_lazy("easy words", "Press the button to go in."),
        action=_ENTER,
        deadline=_("Your turn stays yours until"),
        away=_("Nobody takes your turn. Come back before the line closes and you enter next."),
    ),
    State.DOOR: Texts(
        badge=_("At the door"),
        tone="success",
        heading=_("You will be let in shortly"),
        sentence=_(
            "Every place inside is taken this moment. Stay on this page: you go in before "
            "everybody who was called after you."
        ),
        easy=pgettext_lazy("easy words", "Wait here. You get in soon."),
        action=Button(_("Wait at the door"), "ticket", of="ticket"),
        away=_("Nobody takes your turn. Come back before the line closes and you enter next."),
    ),
    State.INSIDE: Texts(
        badge=_("Booking now"),
        tone="success",
        heading=_("You are inside"),
        sentence=_("Choose a clinic and a time. Do you need longer? Then take more time here."),
        easy=pgettext_lazy("easy words", "Choose where and when."),
        action=Button(_("Go on booking"), "booking"),
        deadline=_("You can book until"),
        away=_("If your time runs out, enter again: you are next."),
    ),
    State.HELD: Texts(
        badge=_("To be confirmed"),
        tone="warning",
        heading=_("A time is kept for you"),
        sentence=_("It is booked only after you confirm it."),
        easy=pgettext_lazy("easy words", "Press the button to book."),
        action=Button(_("Look at it and confirm"), "confirm"),
        deadline=_("Kept until"),
        away=_("When the time is over it goes to somebody else, and you choose again."),
    ),
    State.BOOKED: Texts(
        badge=_("Booked"),
        tone="success",
        heading=_("Your vaccination is booked"),
        sentence=_("%(when)s, %(clinic)s"),
        easy=pgettext_lazy("easy words", "%(when)s, %(clinic)s"),
        action=_RECEIPT,
        deadline=_("You can change or cancel it here until"),
        away=_("We remind you by message the day before."),
    ),
    State.SECOND_MISSING: Texts(
        badge=_("Second dose missing"),
        tone="warning",
        heading=_("Your second dose has no time yet"),
        sentence=_("Your first dose stands. Choose the time of the second one."),
        easy=pgettext_lazy("easy words", "Choose the second time."),
        action=Button(_("Choose the time of the second dose"), "second"),
        also=_RECEIPT,
        away=_("Your first dose stays booked. You can choose the second one on any day."),
    ),
    State.ON_LIST: Texts(
        badge=_("On the list"),
        heading=_("You are on the cancellation list"),
        sentence=_("As soon as a place that suits becomes free, it is kept for you."),
        easy=pgettext_lazy("easy words", "Please wait. We write to you."),
        action=Button(_("See what I wait for"), "cancellation_list"),
        also=_ENTER,
        away=_("We write to your phone as soon as something suits. Keep the phone near you."),
    ),
    State.OFFER: Texts(
        badge=_("Answer needed"),
        tone="warning",
        heading=_("A place is kept for you"),
        sentence=_("It became free and suits you. Say yes or no to it."),
        easy=pgettext_lazy("easy words", "Say yes or no."),
        action=Button(_("See it and answer"), "offer", of="token"),
        deadline=_("Please answer by"),
        away=_("Without an answer it goes to the next person. You stay on the list."),
    ),
    State.CANCELLED: Texts(
        badge=_("Cancelled"),
        tone="gray",
        heading=_("Your appointment is cancelled"),
        sentence=_("You have no appointment now. Book another one while your line is open."),
        easy=pgettext_lazy("easy words", "Nothing is booked now."),
        action=Button(_("Book again"), "enter", of="called", posts=True),
        otherwise=_SEE,
        also=_RECEIPT,
        away=_("Nothing is booked for you until you choose another time."),
    ),
    State.DONE: Texts(
        badge=_("Vaccinated"),
        tone="success",
        heading=_("You have been vaccinated"),
        sentence=_("Every dose has been given. There is nothing more to book."),
        easy=pgettext_lazy("easy words", "All is done."),
        action=_RECEIPT,
        away=_("Your reservation and its certificate stay here."),
    ),
    State.LEFT: Texts(
        badge=_("Left the line"),
        tone="gray",
        heading=_("You have left the line"),
        sentence=_(
            "Your number is kept until the line closes. Join again and you have the same place."
        ),
        easy=pgettext_lazy("easy words", "You are not in the line now."),
        action=Button(_("Join again"), "queue_join", of="code", posts=True),
        deadline=_("Line closes"),
        away=_("You are not called until you join again."),
    ),
    State.CLOSED: Texts(
        badge=_("Closed"),
        tone="gray",
        heading=_("This line is closed"),
        sentence=_("Booking for this group has ended. See what you may book, and when."),
        easy=pgettext_lazy("easy words", "Booking is over here."),
        action=Button(_("What I may book"), "eligibility"),
        away=_("There is nothing to wait for here. New periods appear as soon as they are set."),
    ),
}
