"""The event stream: how far it was read, and whether events are missing. See consumer.py."""

from records import OPENED, PAGE, REFUSED
from sealed_events import KEY_EVENTS, Foreign, Refused, number_of, open_event, parse

# The entries at the end that are searched for the last one that counts: refused ones may follow it.
ENTRIES_AT_END = 10


class Stream:
    def __init__(self, key, records, demand_snapshot):
        self._key = key
        self._records = records
        self._demand_snapshot = demand_snapshot
        # The entry up to which the stream was read; None before the first snapshot.
        self.reading = None
        # The seq and the run of the last entry that counted; None while they are unknown.
        self.seq = None
        self._run = None
        # The last entry whose id is ahead of the clock of Redis: events may still be added before it.
        self.ahead = None

    def start_at(self, reading, seq, run):
        self.reading, self.seq, self._run = reading, seq, run

    def read(self, store, wait_ms):
        batches = store.xread({self._key: self.reading}, count=PAGE, block=wait_ms)
        entries = batches[0][1] if batches else []
        if entries:
            self._note_ahead(store, entries[-1][0].decode())
        if self.ahead is not None and not is_ahead(store, self.ahead):
            self._demand_snapshot("the Redis clock has reached the last entry")
        return entries

    def _note_ahead(self, store, entry_id):
        if is_ahead(store, entry_id):
            self.ahead = entry_id

    def count(self, event, taken, is_new):
        """Compares the numbers of an event with those before it.

        A refused event has no number: otherwise a forged event could hide the genuine one.
        """
        seq, run = number_of(event, "seq"), number_of(event, "run") or self._run
        if taken == REFUSED or seq is None:
            return
        is_other_run = self._run is not None and run != self._run
        is_known = self.seq is not None
        if taken == OPENED and not is_new and not is_other_run and is_known and seq <= self.seq:
            # A replayed event: anyone may have put it there.
            return
        if is_other_run:
            self._demand_snapshot("the events belong to another run: this Redis may have lost some")
        elif is_known and seq != self.seq + 1:
            self._demand_snapshot(f"there is a gap before event {seq}")
        self.seq, self._run = seq, run

    def has_lost_its_position(self, store):
        """Whether entries that were not read were trimmed. XREAD only shows entries that exist."""
        if self._last_id(store) == self.reading:
            return False
        # XREAD returns entries that arrived in between at once.
        return not store.xread({self._key: self.reading}, count=1)

    def end(self, store, latest):
        place = self._end(store, latest)
        self.ahead = None
        self._note_ahead(store, place[0])
        return place

    def _end(self, store, latest):
        """The last id, and the seq and run of the last entry that counts.

        Both are None if they are unknown. The next entry is then not compared with them.
        """
        last_id = self._last_id(store)
        entries = store.xrevrange(self._key, count=ENTRIES_AT_END)
        if not entries or order_of(entries[0][0].decode()) < order_of(last_id):
            # Never written to, trimmed to nothing, or its last entry was deleted.
            return last_id, 0 if last_id == "0-0" else None, None
        last_id = entries[0][0].decode()
        for _, fields in entries:
            event = parse(fields.get(b"event"))
            if number_of(event, "seq") is not None and self._is_trusted(event, latest):
                return last_id, number_of(event, "seq"), number_of(event, "run")
        return last_id, None, None

    def _is_trusted(self, event, latest):
        if event.get("type") not in KEY_EVENTS or self._records.shared is None:
            return True
        try:
            open_event(event, self._records.shared, latest)
        except Foreign:
            return True
        except Refused:
            return False
        return True

    def _last_id(self, store):
        if not store.exists(self._key):
            return "0-0"
        return store.xinfo_stream(self._key)["last-generated-id"].decode()


def is_ahead(store, entry_id):
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
