"""Everything of the waiting room that writes; one file per act."""
