"""The rate limit of ephemeral events: the more watchers, the less often each gets one."""

_PREVIEW_WEIGHT = 10  # what a preview costs, in updates without one


class Pace:
    """Divides `rate_per_s` messages a second among all watchers of this process.

    A preview counts as ten messages: previews become rare first.
    """

    def __init__(self, rate_per_s: float) -> None:
        self._rate_per_s = rate_per_s

    def after_updates(self, count: int) -> float:
        """Seconds to wait after `count` updates were sent."""
        return count / self._rate_per_s

    def after_previews(self, count: int) -> float:
        """Seconds to wait after `count` previews were sent."""
        return _PREVIEW_WEIGHT * count / self._rate_per_s


class Audience:
    """The number of watchers in this process."""

    def __init__(self) -> None:
        self.size = 0
