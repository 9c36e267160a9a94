"""Everything of booking that writes; one file per noun."""
