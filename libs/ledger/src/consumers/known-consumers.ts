import { MAX_CONSUMERS } from '@rekey/schema';

/** A registered consumer, as the entry that is believed describes it. */
export interface RegisteredConsumer {
  name: string;
  /** What verifies its acknowledgements; absent if it has no grant, or one from before. */
  ackKey?: string | undefined;
  /** The kid of the keys in its grant. */
  grantKid?: string | undefined;
  /** It has signed acknowledgements. */
  proves: boolean;
}

/** The registered consumers, and which of them this process has seen a signature of. */
export class KnownConsumers {
  private byName = new Map<string, RegisteredConsumer>();
  /** By name, the key of the last signature. A consumer that is added anew has another one. */
  private readonly provedWith = new Map<string, string>();

  /** Replaces the registered consumers. */
  register(consumers: readonly RegisteredConsumer[]): void {
    this.byName = new Map(consumers.slice(0, MAX_CONSUMERS).map((one) => [one.name, one]));
    for (const name of this.provedWith.keys()) if (!this.byName.has(name)) this.provedWith.delete(name);
  }

  names(): ReadonlySet<string> {
    return new Set(this.byName.keys());
  }

  /** Those that have a stream of their own. */
  withKey(): string[] {
    return [...this.byName.values()].flatMap(({ name, ackKey }) => (ackKey === undefined ? [] : [name]));
  }

  ackKeyOf(name: string): string | undefined {
    return this.byName.get(name)?.ackKey;
  }

  /** Whether a kid is of another grant than the one of today. */
  isOtherGrant(name: string, kid: string | undefined): boolean {
    const grantKid = this.byName.get(name)?.grantKid;
    return kid !== undefined && grantKid !== undefined && kid !== grantKid;
  }

  noteProved(name: string, ackKey: string): void {
    this.provedWith.set(name, ackKey);
  }

  /** Whether a consumer signs: its entry says so, or this process has seen a signature. */
  proves(name: string): boolean {
    const known = this.byName.get(name);
    return known !== undefined && (known.proves || this.hasProved(known));
  }

  /** Those of which this process has seen a signature, and whose entry does not say that they sign. */
  newlyProved(): string[] {
    return [...this.byName.values()].flatMap((one) => (!one.proves && this.hasProved(one) ? [one.name] : []));
  }

  private hasProved({ name, ackKey }: RegisteredConsumer): boolean {
    return ackKey !== undefined && this.provedWith.get(name) === ackKey;
  }
}
