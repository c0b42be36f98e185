"""The one exception that is meant for the user: a single clear line, no traceback."""


class EphforgeError(Exception):
    """Names the culprit, what was expected and what to do, in one line."""
