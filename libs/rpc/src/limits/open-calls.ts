import { constants } from 'node:http2';
import { attempt, type OnThrown } from '../attempt.ts';
import { isPrepared } from '../contract/prepared.ts';
import { RefusalStatuses, type Refusal } from './refusal-statuses.ts';
import { SharedMessages } from './shared-messages.ts';
import type { HeldCall, KindLimits, OpenKind } from './held-call.ts';

export interface OpenCallsLimits {
  /** What the requests of all open calls may take together. */
  requestBytes: number;
  /**
   * What callers have not taken of their responses, together: a message that several are sent counts once.
   * One response may always be longer.
   */
  responseBytes: number;
  /** How long a caller may take to read its response, or to read on in a stream of responses. */
  readWithinMs: number;
  /** After this time, a stream of responses that nobody reads makes room for another call. */
  stalledAfterMs: number;
}

/** Receives the name of each limit that refused or ended a call. */
type OnLimit = (limit: string) => void;

export interface OpenCallsHooks {
  onLimit: OnLimit;
  /** Receives what a hook has thrown. */
  onThrown: OnThrown;
  /** Called when no call that ends soon is open any more, and what they were answered has left. */
  onIdle: () => void;
}

const CHECK_EVERY_MS = 250;
const fullOf = ({ name, open, retryAfterMs }: OpenKind): Refusal => ({
  code: 'TOO_MANY_CALLS',
  limit: name,
  metadata: { limit: String(open) },
  retryAfterMs: retryAfterMs?.(),
});
const { NGHTTP2_NO_ERROR, NGHTTP2_CANCEL } = constants;

/**
 * The open calls of a process. A call counts from its start until its stream is closed, whatever its caller
 * does. If there is no room, a call ends whose caller is the slowest: one whose request has not arrived, or
 * whose response nobody reads. Only if there is none, the new call is refused.
 */
export class OpenCalls {
  private readonly kinds = new Map<string, OpenKind>();
  private readonly limits: OpenCallsLimits;
  private readonly onLimit: OnLimit;
  private readonly statuses = new RefusalStatuses();
  private requestBytes = 0;
  private responseBytes = 0;
  private readonly shared = new SharedMessages();
  private checking: NodeJS.Timeout | undefined;
  private readonly onIdle: () => void;
  private idling: NodeJS.Immediate | undefined;
  private readonly onClosed = (held: HeldCall): void => this.forget(held);

  constructor(
    kinds: Readonly<Record<string, KindLimits>>,
    limits: OpenCallsLimits,
    { onLimit, onThrown, onIdle }: OpenCallsHooks,
  ) {
    for (const [name, one] of Object.entries(kinds))
      this.kinds.set(name, {
        ...one,
        name,
        count: 0,
        arriving: new Set(),
        leaving: new Set(),
        sending: new Set(),
      });
    this.limits = limits;
    this.onLimit = (limit) => void attempt(() => onLimit(limit), onThrown);
    this.onIdle = () => void attempt(onIdle, onThrown);
  }

  /** Counts a call. Returns the kind as which it is admitted; undefined if it was refused. */
  admit(held: HeldCall, kindName: string): OpenKind | undefined {
    const asked = this.kinds.get(kindName)!;
    const beyond = asked.beyond === undefined ? undefined : this.kinds.get(asked.beyond);
    const kind = [asked, beyond].find((one) => one && (one.count < one.open || this.makeRoom(one)));
    if (kind === undefined) {
      this.refuse(held, fullOf(asked));
      return undefined;
    }
    kind.count += 1;
    kind.arriving.add(held);
    held.kind = kind;
    held.watchClose(this.onClosed);
    held.onData((bytes) => this.hold(held, bytes));
    this.checkSoon();
    return kind;
  }

  /** A message of a stream of requests has arrived. */
  received(held: HeldCall): void {
    const { kind } = held;
    if (kind === undefined || !held.method.requestStream) return;
    this.requestBytes -= held.requestBytes;
    held.requestBytes = 0;
    kind.arriving.delete(held);
    // Nothing else ends a stream that sends and receives: its next message has to arrive in time too.
    if (!held.method.responseStream) return;
    held.sinceMs = performance.now();
    kind.arriving.add(held);
  }

  /** The whole request has arrived. */
  arrived(held: HeldCall): void {
    held.kind?.arriving.delete(held);
    held.endRequest();
  }

  /** The last message, or the status, was handed over. */
  answered(held: HeldCall): void {
    const { kind } = held;
    if (kind === undefined) return;
    kind.arriving.delete(held);
    if (held.stream.destroyed) return;
    if (!kind.leaving.has(held)) held.sinceMs = performance.now();
    kind.leaving.add(held);
    this.countUnread(held, held.message);
    if (this.responseBytes > this.limits.responseBytes) this.cutSlowestReaders(held);
    this.checkSoon();
  }

  /** A message of a stream of responses was handed over. */
  sent(held: HeldCall, message: object): void {
    const { kind } = held;
    if (kind === undefined || held.stream.destroyed) return;
    if (!kind.sending.has(held)) held.unreadSinceMs = performance.now();
    kind.sending.add(held);
    this.countUnread(held, isPrepared(message) ? message : undefined);
    if (this.responseBytes > this.limits.responseBytes) this.cutSlowestReaders(held);
    this.checkSoon();
  }

  /** Ends a call that broke a limit. */
  refuse(held: HeldCall, refusal: Refusal): void {
    this.onLimit(refusal.limit);
    const { headersSent } = held.stream;
    held.call.sendStatus(this.statuses.of(refusal, held.method.path));
    // After data, the status leaves in a later turn; the call is cut when it has left.
    if (!headersSent) this.cut(held, NGHTTP2_NO_ERROR);
  }

  private cut(held: HeldCall, code: number): void {
    held.close(code);
    // The stream reports its end in a later turn only.
    this.forget(held);
  }

  private forget(held: HeldCall): void {
    const { kind } = held;
    if (kind === undefined) return;
    held.kind = undefined;
    kind.count -= 1;
    kind.arriving.delete(held);
    kind.leaving.delete(held);
    kind.sending.delete(held);
    this.requestBytes -= held.requestBytes;
    this.responseBytes -= this.shared.release(held.message, held.responseBytes);
    held.message = undefined;
    if (kind.endsSoon && kind.count === 0) this.idleSoon();
  }

  /** The last response leaves before the next round of the event loop. */
  private idleSoon(): void {
    this.idling ??= setImmediate(() => {
      this.idling = undefined;
      for (const { endsSoon, count } of this.kinds.values()) if (endsSoon && count > 0) return;
      this.onIdle();
    });
  }

  /** Whether a call of the kind could be ended in favour of another. */
  private makeRoom(kind: OpenKind): boolean {
    const { name, arriving, leaving, sending, keepsRoomMs } = kind;
    const nowMs = performance.now();
    const [stalled] = arriving;
    if (stalled && nowMs - stalled.sinceMs >= (keepsRoomMs?.arriving ?? 0)) {
      this.refuse(stalled, fullOf(kind));
      this.cut(stalled, NGHTTP2_CANCEL);
      return true;
    }
    const [answered] = leaving;
    const isUnread = answered && nowMs - answered.sinceMs >= (keepsRoomMs?.leaving ?? 0);
    const unread = isUnread ? answered : this.longestUnread(sending);
    if (!unread) return false;
    this.onLimit(name);
    this.cut(unread, NGHTTP2_CANCEL);
    return true;
  }

  /** The stream of responses that nobody has read for the longest time, if that is long. */
  private longestUnread(sending: ReadonlySet<HeldCall>): HeldCall | undefined {
    const [first] = [...sending].toSorted((a, b) => a.unreadSinceMs - b.unreadSinceMs);
    return first && performance.now() - first.unreadSinceMs >= this.limits.stalledAfterMs ? first : undefined;
  }

  private countUnread(held: HeldCall, message: object | undefined): void {
    this.responseBytes -= this.shared.release(held.message, held.responseBytes);
    held.responseBytes = held.stream.writableLength;
    held.message = held.responseBytes > 0 ? message : undefined;
    this.responseBytes += this.shared.hold(held.message, held.responseBytes);
  }

  private hold(held: HeldCall, bytes: number): void {
    if (held.kind === undefined) return;
    held.requestBytes += bytes;
    this.requestBytes += bytes;
    const limit = this.limits.requestBytes;
    while (this.requestBytes > limit) {
      const victim = this.oldestArriving() ?? held;
      this.refuse(victim, {
        code: 'TOO_MANY_CALLS',
        limit: 'request-bytes',
        metadata: { limit: String(limit) },
      });
      this.cut(victim, NGHTTP2_CANCEL);
      if (victim === held) return;
    }
  }

  private oldestArriving(): HeldCall | undefined {
    let oldest: HeldCall | undefined;
    for (const { arriving } of this.kinds.values()) {
      const [first] = arriving;
      if (first && (oldest === undefined || first.sinceMs < oldest.sinceMs)) oldest = first;
    }
    return oldest;
  }

  private cutSlowestReaders(newest: HeldCall): void {
    const slowest = [...this.kinds.values()]
      .flatMap(({ leaving, sending }) => [
        ...[...leaving].map((held) => ({ held, sinceMs: held.sinceMs })),
        ...[...sending].map((held) => ({ held, sinceMs: held.unreadSinceMs })),
      ])
      .filter(({ held }) => held !== newest && held.responseBytes > 0)
      .toSorted((a, b) => a.sinceMs - b.sinceMs);
    for (const { held } of slowest) {
      if (this.responseBytes <= this.limits.responseBytes) return;
      this.onLimit('response-bytes');
      this.cut(held, NGHTTP2_CANCEL);
    }
  }

  private checkSoon(): void {
    this.checking ??= setTimeout(() => this.check(), CHECK_EVERY_MS).unref();
  }

  private check(): void {
    this.checking = undefined;
    const nowMs = performance.now();
    for (const kind of this.kinds.values()) {
      for (const held of kind.arriving) {
        if (nowMs - held.sinceMs < kind.arriveWithinMs) break;
        this.refuse(held, {
          code: 'REQUEST_STALLED',
          limit: 'arrival',
          metadata: { limit_ms: String(kind.arriveWithinMs) },
        });
      }
      for (const held of kind.leaving) this.checkLeaving(held, nowMs);
      for (const held of kind.sending) this.checkSending(kind, held, nowMs);
      if (kind.arriving.size > 0 || kind.leaving.size > 0 || kind.sending.size > 0) this.checkSoon();
    }
  }

  private checkLeaving(held: HeldCall, nowMs: number): void {
    // The response is on its way, and the caller sends, or holds open, what nobody reads any more.
    if (held.statusSent) this.cut(held, NGHTTP2_NO_ERROR);
    else if (nowMs - held.sinceMs > this.limits.readWithinMs) {
      this.onLimit('reading');
      this.cut(held, NGHTTP2_CANCEL);
    }
  }

  private checkSending(kind: OpenKind, held: HeldCall, nowMs: number): void {
    const before = held.responseBytes;
    this.countUnread(held, held.message);
    if (held.responseBytes === 0) kind.sending.delete(held);
    else if (held.responseBytes < before) held.unreadSinceMs = nowMs;
    else if (nowMs - held.unreadSinceMs > this.limits.readWithinMs) {
      this.onLimit('reading');
      this.cut(held, NGHTTP2_CANCEL);
    }
  }
}
