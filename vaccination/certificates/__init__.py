from vaccination.certificates.codes import LETTERS, code_of, find_dose

__all__ = ["LETTERS", "code_of", "find_dose"]
