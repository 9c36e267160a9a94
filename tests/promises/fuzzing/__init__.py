"""Requests made from the pages' own forms, to find one that is answered with an error of ours."""
