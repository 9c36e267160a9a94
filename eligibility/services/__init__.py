"""Everything of eligibility that writes; one file per noun."""
