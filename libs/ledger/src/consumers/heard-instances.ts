import { isBefore, type Acknowledgement } from '@rekey/schema';

/** A running instance of a consumer, or one that was. */
export interface ConsumerInstance extends Omit<Acknowledgement, 'consumer'> {
  /** When it was last heard of, by the clock of Redis. */
  heardMs: number;
  /** It has reported within its lease, and does not leave. */
  live: boolean;
  /** Its acknowledgements are signed. */
  proved: boolean;
}

interface Heard extends Omit<Acknowledgement, 'consumer'> {
  heardMs: number;
  /** By this process's own monotonic clock. */
  heardAt: number;
  proved: boolean;
  /** The characters that it keeps about events that were not applied. */
  chars: number;
}

/** An acknowledgement, and what is known about it. */
interface Taken {
  ack: Acknowledgement;
  /** By the clock of Redis. */
  heardMs: number;
  /** How long ago it was sent. */
  sinceMs: number;
  proved: boolean;
}

interface Instances {
  byId: Map<string, Heard>;
  /** Until then, an instance may be live that did not find room. */
  incompleteUntil: number;
}

const GONE_KEPT_MS = 600_000;
const GONE_KEPT = 50;
const MAX_INSTANCES = 500;
/** Of all instances of a consumer. */
const MAX_CHARS = 256 * 1024;

const isLive = ({ heardAt, lease_ms: leaseMs, leaving }: Heard): boolean =>
  !leaving && performance.now() - heardAt < leaseMs;

const instanceOf = (one: Heard): ConsumerInstance => {
  const { heardAt: _, chars: _chars, ...rest } = one;
  return { ...rest, live: isLive(one) };
};

type Refusals = Acknowledgement['unapplied'];
const charsOf = ({ first }: Refusals): number =>
  first.reduce((sum, { assistant_id: id, why }) => sum + id.length + why.length + 100, 0);
/** Without what it says about single events, an instance counts as one that lacks any of them. */
const countOf = ({ count }: Refusals): Refusals => ({ count, first: [] });

type Said = Omit<Acknowledgement, 'consumer'>;
const saysElse = (before: Said, after: Said): boolean =>
  before.position !== after.position ||
  before.leaving !== after.leaving ||
  before.kid !== after.kid ||
  before.orgs_sha256 !== after.orgs_sha256 ||
  !areSame(before.unapplied, after.unapplied);
const areSame = (one: Refusals, other: Refusals): boolean =>
  one.count === other.count &&
  one.first.length === other.first.length &&
  one.first.every(({ assistant_id: id, version }, i) => {
    const { assistant_id: otherId, version: otherVersion } = other.first[i]!;
    return id === otherId && version === otherVersion;
  });

/** The instances of all consumers, as their acknowledgements report them. Bounded for each consumer. */
export class HeardInstances {
  private readonly heard = new Map<string, Instances>();
  /** The instances that were live at the last review. */
  private livesBefore = '';

  /** The number of the last signed acknowledgement of an instance; undefined if none is known. */
  lastNumber(consumer: string, instance: string): number | undefined {
    const one = this.heard.get(consumer)?.byId.get(instance);
    return one?.proved ? one.number : undefined;
  }

  /** Whether an instance is live, and its acknowledgements are not signed. */
  isLiveUnproved(consumer: string, instance: string): boolean {
    const one = this.heard.get(consumer)?.byId.get(instance);
    return one !== undefined && !one.proved && isLive(one);
  }

  /**
   * Takes an acknowledgement. FULL: it found no room. Otherwise, whether it says something else than the one
   * before it, on which `reachOf` depends.
   */
  take({ ack: { consumer, ...ack }, heardMs, sinceMs, proved }: Taken): 'FULL' | boolean {
    const instances = this.heard.get(consumer) ?? { byId: new Map<string, Heard>(), incompleteUntil: 0 };
    this.heard.set(consumer, instances);
    const before = instances.byId.get(ack.instance);
    if (!before && !makeRoom(instances.byId)) {
      instances.incompleteUntil = performance.now() + ack.lease_ms;
      return 'FULL';
    }
    instances.byId.delete(ack.instance);
    let used = 0;
    for (const { chars } of instances.byId.values()) used += chars;
    const chars = charsOf(ack.unapplied) + (ack.refused ? charsOf(ack.refused) : 0);
    const fits = used + chars <= MAX_CHARS;
    instances.byId.set(ack.instance, {
      ...ack,
      ...(!fits && {
        unapplied: countOf(ack.unapplied),
        ...(ack.refused && { refused: countOf(ack.refused) }),
      }),
      chars: fits ? chars : 0,
      heardMs,
      heardAt: performance.now() - sinceMs,
      proved,
    });
    return !before || before.proved !== proved || saysElse(before, ack);
  }

  /** Forgets consumers that are not registered any more. */
  retain(registered: ReadonlySet<string>): void {
    for (const consumer of this.heard.keys()) if (!registered.has(consumer)) this.heard.delete(consumer);
  }

  /** Forgets instances that ended long ago; whether others are live than at the last review. */
  review(): boolean {
    for (const [consumer, { byId, incompleteUntil }] of this.heard) {
      let gone = 0;
      for (const [instance, one] of [...byId].toReversed()) {
        if (isLive(one)) continue;
        gone += 1;
        if (gone > GONE_KEPT || performance.now() - one.heardAt > GONE_KEPT_MS) byId.delete(instance);
      }
      if (byId.size === 0 && incompleteUntil < performance.now()) this.heard.delete(consumer);
    }
    const lives = [...this.heard]
      .map(([consumer, { byId }]) => {
        const live = [...byId].filter(([, one]) => isLive(one));
        const ids = live.map(([id]) => id).join();
        return `${consumer}:${ids}${this.isIncomplete(consumer) ? '+' : ''}`;
      })
      .join(' ');
    const changed = lives !== this.livesBefore;
    this.livesBefore = lives;
    return changed;
  }

  /** Whether an instance may be live that is not known: there were too many. */
  isIncomplete(consumer: string): boolean {
    return performance.now() < (this.heard.get(consumer)?.incompleteUntil ?? 0);
  }

  /** Newest first. */
  instancesOf(consumer: string): ConsumerInstance[] {
    return this.allOf(consumer).toReversed().map(instanceOf);
  }

  liveOf(consumer: string): ConsumerInstance[] {
    return this.allOf(consumer).filter(isLive).map(instanceOf);
  }

  /** The live instance with the lowest position; `onlyProved`: of those whose acknowledgements are signed. */
  slowest(consumer: string, onlyProved: boolean): ConsumerInstance | undefined {
    let found: Heard | undefined;
    for (const one of this.allOf(consumer)) {
      if (!isLive(one) || (onlyProved && !one.proved)) continue;
      if (!found || isBefore(one.position, found.position)) found = one;
    }
    return found && instanceOf(found);
  }

  private allOf(consumer: string): Heard[] {
    return [...(this.heard.get(consumer)?.byId.values() ?? [])];
  }
}

/** Forgets the oldest instance that is not live if there are too many; whether there is room for one more. */
const makeRoom = (byId: Map<string, Heard>): boolean => {
  if (byId.size < MAX_INSTANCES) return true;
  for (const [instance, one] of byId) {
    if (isLive(one)) continue;
    byId.delete(instance);
    return true;
  }
  return false;
};
