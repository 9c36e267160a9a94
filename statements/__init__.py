"""Texts of the authority for the public: privacy policy, accessibility, operator, help."""
