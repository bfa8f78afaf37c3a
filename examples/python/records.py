"""Applies events and current records to the held keys. See consumer.py."""

import json
import math
import time

from held_keys import OUTRUN, UNREADABLE
from sealed_events import (
    DAY_US,
    KEY_EVENTS,
    KEY_UNCERTAIN,
    Foreign,
    Refused,
    RefusedAhead,
    number_of,
    open_event,
    org_of,
    parse,
)

# The result of an event or a record.
OPENED, FOREIGN, SKIPPED, REFUSED = "opened", "foreign", "skipped", "refused"

PAGE = 500
RETRY_EVERY_S = 3


def latest_version(store):
    """The highest version that is believed now: a day ahead of the Redis clock."""
    seconds, micros = store.time()
    return seconds * 1_000_000 + micros + DAY_US


class Records:
    def __init__(self, held, refusals, key_of, report):
        self._held = held
        self._refusals = refusals
        self._current_key = lambda assistant_id: key_of("current", assistant_id)
        self._report = report
        # The keys of the grant; None until there is one.
        self.shared = None
        # The orgs of its entry.
        self.orgs = []
        self.counts = {"applied": 0, "skipped": 0}
        # Whether something was applied that is not acknowledged yet.
        self.has_changed = False
        # The lowest version that was refused as too far ahead since the last snapshot. When the Redis clock
        # has reached it, the clock was behind.
        self.lowest_ahead = math.inf
        # Assistants whose current record is to be read, with the version that an event has claimed, and
        # whether the event was of an org of this consumer and not sealed for it.
        self._scheduled = {}
        self._retried_at = 0.0
        self._retry_from = 0

    def use_grant(self, shared):
        """Returns False for a grant that is older than the one that is held: somebody put it back."""
        held = self.shared
        if held and shared.kid != held.kid and shared.revision <= held.revision:
            return False
        if held and shared.revision < held.revision:
            return False
        self.shared = shared
        return True

    def take(self, event, latest, is_record=False):
        """Applies an event. Returns its result, and whether it was newer than the held version."""
        if event.get("type") not in KEY_EVENTS:
            self.counts["skipped"] += 1
            return SKIPPED, False
        try:
            record = open_event(event, self.shared, latest)
        except Refused as error:
            if isinstance(error, RefusedAhead):
                self.lowest_ahead = min(error.version, self.lowest_ahead)
            self._refusals.add(event, str(error))
            if not is_record:
                self._check_later(event)
            return REFUSED, False
        except Foreign:
            self.counts["skipped"] += 1
            if self._is_doubt_of_held_key(event):
                self._refusals.add_unsealed(event)
            if not is_record:
                is_key_version = event["type"] != KEY_UNCERTAIN
                self._check_later(event, is_entitled=is_key_version and self._is_entitled(event))
            return FOREIGN, False
        is_applied = False
        if self._is_outrun(record, latest):
            if record["type"] == KEY_UNCERTAIN:
                self._refusals.add(event, OUTRUN)
            else:
                self._refusals.add_outrun(record["assistant_id"], record["version"])
        else:
            is_applied = self._apply(record, is_record)
        if not is_record and (
            record["assistant_id"] in self._refusals.unsealed
            or record["assistant_id"] in self._refusals.outrun
        ):
            # Anyone can replay an event: only the current record shows that it is sealed again, and that the
            # held version is no longer ahead of it.
            self._scheduled.setdefault(record["assistant_id"], (None, False))
        return OPENED, is_applied

    def _is_outrun(self, record, latest):
        """Whether a version is lower than a held one of the future.

        Rekey draws rising versions, so a lower one is an old event. But if the held one is in the future, a
        writer in Redis has put the counter forward, and back, and this key can be the one in force. Nothing
        here can tell which of the two is, so it is reported.
        """
        held = self._held.get(record["assistant_id"])
        return held is not None and record["version"] < held.version > latest - DAY_US

    def _apply(self, record, is_record):
        version, assistant_id = record["version"], record["assistant_id"]
        before = self._held.get(assistant_id)
        is_key_version = record["type"] != KEY_UNCERTAIN
        if is_key_version and before and before.claimed and version <= before.version and not is_record:
            # Anyone can replay an event: only the current record shows that the key can be read again.
            self._scheduled[assistant_id] = version, False
            return False
        is_new = self._held.apply(record)
        if is_new or not is_key_version:
            self.counts["applied"] += 1
        return is_new

    def _is_entitled(self, event):
        org_id = org_of(event)
        return "*" in self.orgs or org_id in self.orgs if org_id else False

    def _is_doubt_of_held_key(self, event):
        held = self._held.get(event["subject"])
        is_doubt = event["type"] == KEY_UNCERTAIN and self._is_entitled(event)
        return is_doubt and held is not None and held.version == event["data"]["version"]

    def _check_later(self, event, is_entitled=False):
        """Schedules a read of the current record, for an event that claims news and cannot be opened."""
        assistant_id, version = event.get("subject"), number_of(event, "version")
        if version is None or not isinstance(assistant_id, str):
            return
        held = self._held.get(assistant_id)
        if held is None or held.version == 0:
            # Without a key, only an event of its own orgs concerns this consumer.
            if is_entitled or assistant_id in self._refusals.unsealed:
                self._scheduled[assistant_id] = version, is_entitled
            return
        if version > held.version:
            self._scheduled[assistant_id] = version, is_entitled
        elif event["type"] == KEY_UNCERTAIN and version == held.version:
            self._scheduled[assistant_id] = version, False

    def take_current(self, store, ids, latest):
        """Applies the current records of a page of assistants."""
        for assistant_id, text in self._read_current(store, ids):
            # A listed assistant without a record is deleted, or just being published: the stream will show
            # it.
            if text is not None:
                self.take_stored(parse(text), latest, assistant_id)

    def take_stored(self, event, latest, assistant_id=None, claimed=None):
        """Applies a current record or, without an assistant id, an entry among the uncertain ones.

        `claimed` is the version of an event that could not be opened.
        """
        taken = REFUSED
        if event is None:
            self._refusals.add({"subject": assistant_id}, "the record contains no event")
        elif _is_misplaced(event, assistant_id):
            subject = assistant_id or event.get("subject")
            self._refusals.add({"subject": subject}, "it is stored in place of another event")
        else:
            taken, _ = self.take(event, latest, is_record=True)
        if assistant_id is None:
            return
        held = self._held.get(assistant_id)
        if taken == OPENED:
            self._refusals.forget_unsealed(assistant_id)
            if held and event["data"]["version"] >= held.version:
                self._refusals.forget_outrun(assistant_id)
        # A refused record alone says nothing about the held key. Together with an event that claims a newer
        # version, it does.
        if taken == REFUSED and claimed is not None and held is not None:
            self._mark_unreadable(assistant_id, claimed)
        if taken == FOREIGN:
            self._note_foreign(event, assistant_id, held, claimed)

    def _note_foreign(self, event, assistant_id, held, claimed):
        version = event["data"]["version"]
        if held is not None and (
            version > held.version or (claimed is not None and version == held.version)
        ):
            self._mark_unreadable(assistant_id, version)
        held = self._held.get(assistant_id)
        # Unreadable assistants are reported as such.
        if self._is_entitled(event) and not (held and held.claimed):
            self._refusals.note_unsealed(assistant_id, version)
        else:
            self._refusals.forget_unsealed(assistant_id)

    def _mark_unreadable(self, assistant_id, claimed):
        if self._held.mark_unreadable(assistant_id, claimed):
            self._report(f"no longer signs for {json.dumps(assistant_id[:256])}: {UNREADABLE}")
        self.has_changed = True

    def check(self, store):
        """Reads the scheduled current records, and every few seconds some that could not be read."""
        if self._scheduled:
            latest = latest_version(store)
            for assistant_id, (claimed, is_entitled) in list(self._scheduled.items()):
                text = store.get(self._current_key(assistant_id))
                if text is not None:
                    self.take_stored(parse(text), latest, assistant_id, claimed)
                else:
                    self._refusals.forget_unsealed(assistant_id)
                    if is_entitled:
                        self._refusals.add_unsealed({"subject": assistant_id, "data": {"version": claimed}})
                del self._scheduled[assistant_id]
        if time.monotonic() < self._retried_at + RETRY_EVERY_S:
            return
        self._retried_at = time.monotonic()
        unreadable = [*self._held.unreadable(), *self._refusals.unsealed]
        if unreadable:
            # One page at a time, in turn.
            start = self._retry_from % len(unreadable)
            self._retry_from += PAGE
            self._retry(store, unreadable[start : start + PAGE])

    def _retry(self, store, ids):
        latest = latest_version(store)
        for assistant_id, text in self._read_current(store, ids):
            event = parse(text)
            try:
                record = open_event(event, self.shared, latest) if event else None
            except Foreign:
                if assistant_id in self._refusals.unsealed and not _is_misplaced(event, assistant_id):
                    self._note_foreign(event, assistant_id, self._held.get(assistant_id), None)
                continue
            except Refused:
                continue
            if record and record["assistant_id"] == assistant_id and record["type"] != KEY_UNCERTAIN:
                self._refusals.forget_unsealed(assistant_id)
                self._apply(record, is_record=True)
                self.has_changed = True

    def _read_current(self, store, ids):
        keys = [self._current_key(assistant_id) for assistant_id in ids]
        return zip(ids, store.mget(keys)) if ids else []


def _is_misplaced(event, assistant_id):
    is_uncertainty = event.get("type") == KEY_UNCERTAIN
    return (assistant_id is None) != is_uncertainty or assistant_id not in (None, event.get("subject"))
