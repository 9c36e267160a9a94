"""Signing in of staff: forms, steps and second factors."""
