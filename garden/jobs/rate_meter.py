"""How fast work goes: over the last seconds, and zero when nothing moves."""

from __future__ import annotations

from collections import deque

#: The rate looks back this far: long enough to be steady, short enough that a stall shows.
WINDOW_SECONDS = 5.0

#: Below this span a rate is noise.
_SHORTEST_SPAN_SECONDS = 0.25


class RateMeter:
    """Units per second over the last five seconds.

    The first observation is the starting point, not work done: a download that resumes at 3 GB did not fetch 3 GB in
    its first moment.
    """

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def observe(self, now: float, done: int) -> None:
        """Note how far the work is at a moment (seconds of any steady clock)."""
        if self._samples and done < self._samples[-1][1]:
            # It started over (a damaged part was thrown away): what was before is no measure of it.
            self._samples.clear()
        self._samples.append((now, done))
        self._forget(now)

    def rate(self, now: float) -> float | None:
        """Units per second, 0.0 in a stall, None before there is anything to tell from."""
        if not self._samples:
            return None
        self._forget(now)
        begin, _ = self._samples[0]
        span = min(WINDOW_SECONDS, now - begin)
        if span < _SHORTEST_SPAN_SECONDS:
            return None
        return max(0.0, (self._samples[-1][1] - self._done_at(now - span)) / span)

    def _forget(self, now: float) -> None:
        # One sample from before the window stays, to know what was done at its edge.
        while len(self._samples) > 1 and self._samples[1][0] <= now - WINDOW_SECONDS:
            self._samples.popleft()

    def _done_at(self, moment: float) -> float:
        begin, done_at_begin = self._samples[0]
        if moment <= begin or len(self._samples) == 1:
            return done_at_begin
        end, done_at_end = self._samples[1]
        return done_at_begin + (done_at_end - done_at_begin) * (moment - begin) / (end - begin)
