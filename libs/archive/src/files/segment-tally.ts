import { createHash } from 'node:crypto';
import { LINES_A_BLOCK, type StreamDigest } from '../format/digest.ts';
import { readLine, type Control, type Line, type StreamStates } from '../format/line-kind.ts';
import { archivedStreams, type ArchivedStream } from '../format/names.ts';
import { isAfter } from '../format/position.ts';

/** Why a line cannot follow those before it. */
export type Disorder = 'malformed' | 'out-of-order' | 'no-header';

const BLOCK_HASH_BYTES = 12;

/** Follows the lines of one segment: counts, places of the streams, and hashes. */
export class SegmentTally {
  readonly states: StreamStates;
  readonly streams: Record<ArchivedStream, StreamDigest>;
  lines = 0;
  bytes = 0;
  gaps = 0;
  histories = 0;
  unreadable = 0;
  ledger = '';
  /** What the last line was. */
  last: Line | undefined;
  readonly #hashes: boolean;
  readonly #whole = createHash('sha256');
  #block = createHash('sha256');
  #blocks = '';

  /** `hashes`: also of blocks, which only a writer and the search for a change need. */
  constructor(before: StreamStates, { hashes }: { hashes: boolean }) {
    this.#hashes = hashes;
    this.states = structuredClone(before);
    const digestOf = (stream: ArchivedStream): StreamDigest => ({
      before: { ...before[stream] },
      after: { ...before[stream] },
      entries: 0,
    });
    this.streams = { events: digestOf('events'), activity: digestOf('activity') };
  }

  /** Takes a line, `end` being its line feed. Returns why it cannot follow, and counts it all the same. */
  add(bytes: Buffer, begin: number, end: number): Disorder | undefined {
    const line = readLine(bytes, begin, end);
    this.last = line;
    const disorder = this.#follow(line);
    this.lines += 1;
    this.bytes += end + 1 - begin;
    if (this.#hashes) {
      const text = bytes.subarray(begin, end + 1);
      this.#whole.update(text);
      this.#block.update(text);
      if (this.lines % LINES_A_BLOCK === 0) this.#endBlock();
    }
    return disorder;
  }

  #endBlock(): void {
    this.#blocks += this.#block.digest().subarray(0, BLOCK_HASH_BYTES).toString('base64url');
    this.#block = createHash('sha256');
  }

  /** The hashes of everything so far. */
  hashes(): { sha256: string; blocks: string } {
    const begun = this.lines % LINES_A_BLOCK !== 0;
    const last = begun ? this.#block.copy().digest().subarray(0, BLOCK_HASH_BYTES).toString('base64url') : '';
    return { sha256: this.#whole.copy().digest('hex'), blocks: this.#blocks + last };
  }

  #follow(line: Line): Disorder | undefined {
    if (line.kind === 'malformed') return 'malformed';
    if ((line.kind === 'header') !== (this.lines === 0)) return 'no-header';
    if (line.kind === 'header') this.ledger = line.header.ledger;
    else if (line.kind === 'control') return this.#followControl(line.control);
    else {
      const { stream, position } = line;
      if (!isAfter(position, this.states[stream].position)) return 'out-of-order';
      this.states[stream].position = position;
      const digest = this.streams[stream];
      digest.first ??= position;
      digest.last = position;
      digest.entries += 1;
      if (line.unreadable) this.unreadable += 1;
    }
    return undefined;
  }

  #followControl(control: Control): Disorder | undefined {
    if (control.control === 'ledger') {
      if (control.from !== this.ledger) return 'out-of-order';
      this.ledger = control.ledger;
      return undefined;
    }
    const state = this.states[control.stream];
    if (control.control === 'gap') {
      this.gaps += 1;
      const follows = control.after === state.position && isAfter(control.before, control.after);
      return follows ? undefined : 'out-of-order';
    }
    this.histories += 1;
    if (control.epoch !== state.epoch + 1 || control.lost_through !== state.position) return 'out-of-order';
    this.states[control.stream] = { epoch: control.epoch, position: control.after };
    return undefined;
  }

  /** What the digest of a closed segment says of its streams. */
  streamDigests(): Record<ArchivedStream, StreamDigest> {
    for (const stream of archivedStreams) this.streams[stream].after = { ...this.states[stream] };
    return this.streams;
  }
}
