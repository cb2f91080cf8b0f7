"""Seeds."""

import uuid


def new_seed() -> int:
    """A seed that nobody asked for before, so that the content cache has no answer."""
    return uuid.uuid4().int % 2**32
