"""How soon after the last snapshots the next one may begin. See consumer.py."""

import time

# Anyone who can write to Redis can demand a snapshot with each event. After a few, one in this time.
EVERY_S = 5
BURST = 5
LONGEST_REST_S = 30


class SnapshotPace:
    def __init__(self):
        self._rest_until = 0.0
        self._budget_spent_until = 0.0

    def not_before(self):
        """The earliest start of the next snapshot, by time.monotonic()."""
        return max(self._rest_until, self._budget_spent_until - (BURST - 1) * EVERY_S)

    def taken(self, began_at):
        ended_at = time.monotonic()
        self._rest_until = ended_at + min(ended_at - began_at, LONGEST_REST_S)
        self._budget_spent_until = max(self._budget_spent_until, ended_at) + EVERY_S
