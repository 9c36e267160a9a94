"""Where a person stands: one state, decided by one pure function, shown by one component."""
