class Trouble(Exception):
    """Something the person at the terminal can put right; the message is one clear sentence."""
