"""The event stream. Whatever is unexpected in it calls for a snapshot. See consumer.py."""

from records import OPENED, PAGE, REFUSED
from sealed_events import number_of, parse


class Stream:
    def __init__(self, key, demand_snapshot):
        self._key = key
        self._demand_snapshot = demand_snapshot
        # The entry up to which the stream was read; None before the first snapshot.
        self.reading = None
        # The seq and the run of the last entry that counted; None while they are unknown.
        self.seq = None
        self._run = None

    def start_at(self, reading, seq, run):
        self.reading, self.seq, self._run = reading, seq, run

    def read(self, store, wait_ms):
        last_id = self._last_id(store)
        batches = store.xread({self._key: self.reading}, count=PAGE, block=wait_ms)
        if not batches and last_id != self.reading:
            self._demand_snapshot("the stream was trimmed beyond its position")
        entries = batches[0][1] if batches else []
        if entries and is_ahead(store, entries[-1][0].decode()):
            self._demand_snapshot("an entry is ahead of the Redis clock")
        return entries

    def count(self, event, taken, is_new):
        """Compares the numbers of an event with those before it.

        A refused event has no number: otherwise a forged event could hide the genuine one.
        """
        seq, run = number_of(event, "seq"), number_of(event, "run") or self._run
        if taken == REFUSED or seq is None:
            return
        is_same_run, is_known = self._run in (None, run), self.seq is not None
        if is_same_run and is_known and seq <= self.seq and taken == OPENED and not is_new:
            # A replayed event: anyone may have put it there.
            return
        if not is_same_run:
            self._demand_snapshot("the events belong to another run: this Redis may have lost some")
        elif is_known and seq != self.seq + 1:
            self._demand_snapshot(f"there is a gap before event {seq}")
        self.seq, self._run = seq, run

    def end(self, store):
        """The id, seq and run of the last entry. seq and run are None if they are unknown."""
        last_id = self._last_id(store)
        for entry_id, fields in store.xrevrange(self._key, count=1):
            if order_of(entry_id.decode()) >= order_of(last_id):
                event = parse(fields.get(b"event"))
                return entry_id.decode(), number_of(event, "seq"), number_of(event, "run")
        # Never written to, trimmed to nothing, or its last entry was deleted.
        return last_id, 0 if last_id == "0-0" else None, None

    def _last_id(self, store):
        if not store.exists(self._key):
            return "0-0"
        return store.xinfo_stream(self._key)["last-generated-id"].decode()


def is_ahead(store, entry_id):
    """Whether an id is ahead of the Redis clock: events may still be added before it."""
    seconds, micros = store.time()
    return order_of(entry_id)[0] > seconds * 1000 + micros // 1000


def order_of(entry_id):
    return tuple(int(part) for part in entry_id.split("-"))


def pages(scan, key, closing):
    """The pages of a SCAN command, until `closing` is set."""
    cursor = 0
    while True:
        cursor, page = scan(key, cursor, count=PAGE)
        yield page
        if cursor == 0 or closing.is_set():
            return
