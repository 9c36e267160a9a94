"""Everything of vaccination that writes; one file per noun."""
