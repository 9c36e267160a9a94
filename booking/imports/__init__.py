"""Kinds of files (bulk.kinds) for clinics, slots, opening hours and doses given elsewhere."""
