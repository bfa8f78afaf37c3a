"""Follows Rekey in Redis: connection, snapshots, events, acknowledgements. See consumer.py."""

import math
import secrets
import threading
import time

import redis

from acknowledgements import Acknowledgements
from held_keys import HeldKeys, Refusals
from records import PAGE, REFUSED, SKIPPED, Records, latest_version
from sealed_events import CONSUMER_CHANGED, Unusable, encode, open_grant, parse
from stream import Stream, is_ahead, pages

# The longest wait of one XREAD. After it, the follower checks whether it has been closed.
BLOCK_MS = 1000
# The least time between acknowledgements.
COALESCE_S = 0.010
RECONNECT_S = 0.25
TIMEOUTS = {"socket_timeout": 5, "socket_connect_timeout": 5}
CHECK_ENTRY_S = 1
# Anyone who can write to Redis can demand a snapshot with each event: pause for as long as the last one took.
LEAST_PAUSE_S, LONGEST_PAUSE_S = 1, 30
AHEAD_PAUSE_S = 5
OLD_GRANT = "its entry has an older grant than the one that is held"
MISSING = "there is no consumer of this name: it has not been added, or was removed"


class Follower:
    """Keeps the held keys in step with Redis, in `run`, until `closing` is set."""

    def __init__(self, name, own, rekeys, url, prefix, lease_ms, report):
        self._name = name
        self._own, self._rekeys = own, rekeys
        self._url = url
        self._prefix = "{%s}" % prefix
        self._lease_ms = lease_ms
        self._report = report
        self.instance = secrets.token_hex(8)  # any value that is new at each start

        self.held = HeldKeys()
        self._refusals = Refusals(self.held, report)
        self._records = Records(self.held, self._refusals, self._key, report)
        self._snapshot_not_before = -math.inf
        self._grant = None
        self._orgs = []
        self._is_active = False
        # The stream entry up to which everything is applied; None before the first snapshot.
        self._position = None
        self._seq = 0
        # Ahead of the position while a snapshot is due.
        self._stream = Stream(self._key("events"), self._demand_snapshot)
        self._must_snapshot = True
        self._snapshots = 0
        self._acknowledged_at = 0.0
        self._acknowledgements = Acknowledgements(name, self.instance, self._key)
        self._heard_at = None
        # connecting, waiting (for a grant), reading (a snapshot), following, or unusable (no grant opens)
        self.state = "connecting"
        self.problem = None
        self.ready = threading.Event()
        self.closing = threading.Event()

    def status(self):
        counts = self.held.counts()
        heard_at = self._heard_at
        return {
            "consumer": self._name,
            "instance": self.instance,
            "state": self.state,
            "problem": self.problem,
            "position": self._position,
            "seq": self._seq,
            "keys": counts["keys"],
            "uncertain": counts["uncertain"],
            # How old the held keys may be.
            "heard_ms_ago": None if heard_at is None else round((time.monotonic() - heard_at) * 1000),
            **self._records.counts,
            "refused": self._refusals.count,
            "snapshots": self._snapshots,
            "unreadable": counts["unreadable"],
            "unapplied": self._refusals.unapplied(),
        }

    def run(self):
        while not self.closing.is_set():
            try:
                # One connection, which is never reconnected implicitly: that could reach another Redis.
                # Replies stay bytes: text that is not UTF-8 is refused when it is parsed.
                options = {**TIMEOUTS, "client_name": f"rekey-{self._name}"}
                with redis.Redis.from_url(self._url, **options).client() as store:
                    self._follow(store)
                    return
            except Unusable as error:
                self._set_problem(str(error))
                self.state = "unusable"
                if not self.ready.is_set():
                    self.ready.set()
                    return
            except redis.RedisError as error:
                self._set_problem(f"Redis: {error}")
                self.state = "connecting"
            except Exception as error:  # pylint: disable=broad-except
                # Nothing in Redis may end this thread. The text of the error could quote a key.
                self._set_problem(f"unexpected {type(error).__name__}")
                self._must_snapshot = True
            self.closing.wait(RECONNECT_S)

    def _follow(self, store):
        # Another Redis shows itself: its stream ends before the position, or the next event has another run.
        while not self.closing.is_set():
            if self._must_snapshot and time.monotonic() >= self._snapshot_not_before:
                if self._take_snapshot(store):
                    self._heard()
                    self._acknowledge(store)
                    if self._is_active:
                        self.ready.set()
                else:
                    self._snapshot_not_before = time.monotonic() + CHECK_ENTRY_S  # no event announces a grant
            if self._stream.reading is None:
                self.closing.wait(0.2)
                continue
            # Also while a snapshot is due: an event may show that a key is no longer in force.
            self._read(store)
        self._acknowledge(store, leaving=True)

    # --- The stream ---

    def _read(self, store):
        if not self._must_snapshot:
            self.state = "following"
        wait_ms = min(BLOCK_MS, max(1, round(self._acknowledge_in_s() * 1000)))
        entries = self._stream.read(store, wait_ms)
        self._heard()
        latest = latest_version(store)
        if self._records.lowest_ahead <= latest:
            self._demand_snapshot("the Redis clock was behind, and has been set")
        for entry_id, fields in entries:
            self._take_entry(entry_id.decode(), fields, latest)
        self._records.check(store)
        self._acknowledge_when_due(store)

    def _take_entry(self, entry_id, fields, latest):
        event = parse(fields.get(b"event"))
        taken, is_new = REFUSED, False
        if event is None:
            self._refusals.add(None, "the stream entry contains no event")
        elif event.get("type") == CONSUMER_CHANGED:
            taken = SKIPPED
            if event.get("subject") == self._name:
                self._demand_snapshot("its entry was changed")
        else:
            taken, is_new = self._records.take(event, latest)
        self._stream.count(event, taken, is_new)
        # Events after a gap are applied too, which can do no harm. But the position stays before the gap.
        self._stream.reading = entry_id
        if not self._must_snapshot:
            self._position, self._seq = entry_id, self._stream.seq or 0
            self._records.has_changed = True

    # --- The snapshot ---

    def _take_snapshot(self, store):
        """Returns False if there is no grant yet, or the follower is closing."""
        self.state = "reading"
        began_at = time.monotonic()
        # The entry is read after the position: the stream announces later changes of it.
        position, seq, run = self._stream.end(store)
        is_certain = not is_ahead(store, position)
        if not self._read_entry(store):
            self.state = "waiting"
            return False
        self._refusals.begin_snapshot()
        self._records.lowest_ahead = math.inf
        self._read_all(store)
        if self.closing.is_set():
            # It may not have read everything: the last acknowledgement keeps the position before.
            return False
        self._must_snapshot = not is_certain
        if is_certain:
            self._position, self._seq = position, seq or 0
            self._acknowledgements.end_snapshot(self._orgs)
        self._position = self._position or "0-0"
        self._stream.start_at(position, seq, run)
        self._snapshots += 1
        least_s = LEAST_PAUSE_S if is_certain else AHEAD_PAUSE_S
        pause_s = min(max(time.monotonic() - began_at, least_s), LONGEST_PAUSE_S)
        self._snapshot_not_before = time.monotonic() + pause_s
        return True

    def _read_all(self, store):
        seen = set()
        for org_id in self._orgs_to_read(store):
            for page in pages(store.zscan, self._key("assistants", org_id), self.closing):
                ids = [assistant_id.decode(errors="replace") for assistant_id, _ in page]
                seen.update(ids)
                self._take_page(store, ids)
        # Assistants of orgs that this consumer may no longer read.
        for assistant_id, key in self.held.items():
            if not ("*" in self._orgs or key.org_id in self._orgs):
                self.held.remove(assistant_id)
                self._refusals.forget_outrun(assistant_id)
        # Assistants that are no longer listed: deleted, or moved to another org.
        unlisted = [assistant_id for assistant_id, _ in self.held.items() if assistant_id not in seen]
        for start in range(0, len(unlisted), PAGE):
            self._take_page(store, unlisted[start : start + PAGE])
        latest = latest_version(store)
        for page in pages(store.hscan, self._key("uncertain"), self.closing):
            for text in page.values():
                self._records.take_stored(parse(text), latest)
        if not self.closing.is_set():
            self._refusals.end_snapshot()

    def _orgs_to_read(self, store):
        if "*" not in self._orgs:
            return self._orgs
        return [org.decode(errors="replace") for org in store.smembers(self._key("orgs"))]

    def _take_page(self, store, ids):
        if ids:
            self._records.take_current(store, ids, latest_version(store))
            self._heard()
            self._acknowledge_when_due(store)

    def _read_entry(self, store):
        """Reads the entry of this consumer. Returns False if it has no grant."""
        text = store.hget(self._key("consumers"), self._name)
        entry = parse(text)
        if entry is None:  # Redis may have lost everything: held keys may still be in force.
            self._set_problem(MISSING if text is None else "its entry cannot be read")
            return False
        if entry.get("state") not in ("ENROLLING", "ACTIVE") or not entry.get("grant"):
            self._set_problem("it has no grant yet: a worker issues it")
            return False
        if entry["grant"] != self._grant:
            shared = open_grant(entry["grant"], self._name, self._own, self._rekeys)
            if not self._records.use_grant(shared):
                self._set_problem(OLD_GRANT)
                return False
            self._grant = entry["grant"]
        self._records.orgs = entry["orgs"]
        self._acknowledgements.begin_snapshot(entry["orgs"])
        self._orgs, self._is_active = entry["orgs"], entry["state"] == "ACTIVE"
        return True

    def _demand_snapshot(self, why):
        if not self._must_snapshot:
            self._report(f"takes the snapshot again: {why}")
        self._must_snapshot = True

    # --- Acknowledgements ---

    def _acknowledge_in_s(self):
        interval = COALESCE_S if self._records.has_changed else self._lease_ms / 4000
        return self._acknowledged_at + interval - time.monotonic()

    def _acknowledge_when_due(self, store):
        if self._acknowledge_in_s() <= 0:
            self._acknowledge(store)

    def _acknowledge(self, store, leaving=False):
        # An instance without a snapshot signs nothing, and does not count.
        if self._position is None:
            return
        entry = self._acknowledgements.send(
            store,
            self._records.shared,
            {
                "lease_ms": self._lease_ms,
                "position": self._position,
                "seq": self._seq,
                "keys": self.held.counts()["keys"],
                "unapplied": self._refusals.unapplied(),
                "refused": self._refusals.refused(),
                "leaving": leaving,
                "kid": self._records.shared.kid,
            },
        )
        # Rekey repairs an entry that another client has changed, and publishes no event of that.
        if "grant" in entry and (entry["grant"], entry.get("orgs")) != (self._grant, self._orgs):
            self._demand_snapshot("its entry was changed")
        self._acknowledged_at = time.monotonic()
        self._records.has_changed = False

    def _key(self, *parts):
        return ":".join([self._prefix, *(encode(part) for part in parts)])

    def _heard(self):
        self._heard_at = time.monotonic()
        # A snapshot that cannot be taken remains a problem, even while events are read.
        if self.problem is not None and not self._must_snapshot:
            self._report("continues")
            self.problem = None

    def _set_problem(self, problem):
        if problem != self.problem:
            self._report(problem)
        self.problem = problem
