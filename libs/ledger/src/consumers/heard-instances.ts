import { Acknowledgement, isBefore, parseJson } from '@rekey/schema';

/** A running instance of a consumer, or one that was. */
export interface ConsumerInstance extends Omit<Acknowledgement, 'consumer'> {
  /** When it was last heard of, by the clock of Redis. */
  heardMs: number;
  /** It has reported within its lease, and does not leave. */
  live: boolean;
}

interface Heard extends Omit<Acknowledgement, 'consumer'> {
  heardMs: number;
  /** By this process's own monotonic clock. */
  heardAt: number;
}

const GONE_KEPT_MS = 600_000;
const INSTANCES_KEPT = 50;

const isLive = ({ heardAt, lease_ms: leaseMs, leaving }: Heard): boolean =>
  !leaving && performance.now() - heardAt < leaseMs;

const instanceOf = (one: Heard): ConsumerInstance => {
  const { heardAt: _, ...rest } = one;
  return { ...rest, live: isLive(one) };
};

/** The instances of all consumers, as their acknowledgements report them. */
export class HeardInstances {
  private readonly heard = new Map<string, Map<string, Heard>>();
  /** The instances that were live at the last review. */
  private livesBefore = '';

  /** Takes an acknowledgement that was written `sinceMs` ago; whether the instance has progressed. */
  take(entry: string, text: string | undefined, sinceMs: number): boolean {
    const parsed = Acknowledgement.safeParse(parseJson(text));
    // Any client may write to the stream; an entry that is no acknowledgement is ignored.
    if (!parsed.success) return false;
    const { consumer, ...ack } = parsed.data;
    const instances = this.heard.get(consumer) ?? new Map<string, Heard>();
    this.heard.set(consumer, instances);
    const before = instances.get(ack.instance);
    instances.delete(ack.instance);
    instances.set(ack.instance, {
      ...ack,
      heardMs: Number(entry.split('-')[0]),
      heardAt: performance.now() - sinceMs,
    });
    return before?.position !== ack.position || before.leaving !== ack.leaving;
  }

  /** Forgets instances that ended long ago; whether others are live than at the last review. */
  review(): boolean {
    for (const [consumer, instances] of this.heard) {
      for (const [instance, one] of instances) {
        const isOld = performance.now() - one.heardAt > GONE_KEPT_MS;
        if (isOld || (instances.size > INSTANCES_KEPT && !isLive(one))) instances.delete(instance);
      }
      if (instances.size === 0) this.heard.delete(consumer);
    }
    const lives = [...this.heard]
      .map(([consumer, instances]) => {
        const live = [...instances].filter(([, one]) => isLive(one));
        return `${consumer}:${live.map(([id]) => id).join()}`;
      })
      .join(' ');
    const changed = lives !== this.livesBefore;
    this.livesBefore = lives;
    return changed;
  }

  /** Newest first. */
  instancesOf(consumer: string): ConsumerInstance[] {
    return this.allOf(consumer).toReversed().map(instanceOf);
  }

  liveOf(consumer: string): ConsumerInstance[] {
    return this.allOf(consumer).filter(isLive).map(instanceOf);
  }

  /** The live instance with the lowest position. */
  slowest(consumer: string): ConsumerInstance | undefined {
    let found: Heard | undefined;
    for (const one of this.allOf(consumer))
      if (isLive(one) && (!found || isBefore(one.position, found.position))) found = one;
    return found && instanceOf(found);
  }

  private allOf(consumer: string): Heard[] {
    return [...(this.heard.get(consumer)?.values() ?? [])];
  }
}
