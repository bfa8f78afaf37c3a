import { Consumer, ORG_ALIAS } from '@rekey/schema';
import { digestOf, emptyManifest, haveSameContent, mergeManifests, type Manifest } from './manifest.ts';
import { sha1Of } from './stored.ts';

/** A consumer as it is believed: a change is refused if it has changed meanwhile. */
export interface SeenConsumer {
  consumer: Consumer;
  text: string;
  /** The orgs of its entry: `c` may stand for one of them until a worker has renamed it. */
  storedOrgs: string[];
}

const SETTLES_AFTER_MS = 10_000;

interface Entry {
  text: string;
  digest: string;
  sha1: string;
  /** Undefined if it cannot be read, though it is proved: a later version wrote it. */
  consumer: Consumer | undefined;
}

/**
 * What this process believes of the registry, in memory. Nothing else of the registry in Redis is used to
 * seal, grant or list.
 */
export class Believed {
  /** Undefined until a manifest was proved. */
  private own: Manifest | undefined;
  private readonly entries = new Map<string, Entry>();
  /** Rises with every change of what is believed. */
  version = 0;
  /** The revision before that of now, and since when that of now is believed. */
  private settledRev = 0;
  private revSince = 0;

  get manifest(): Manifest | undefined {
    return this.own;
  }

  /** The revision of the last change of a record; 0 if nothing is believed. */
  changedAt(): number {
    const { facts, consumers } = this.own ?? emptyManifest;
    return Math.max(0, ...[...facts.values(), ...consumers.values()].map(({ rev }) => rev));
  }

  /** The last revision that was believed for ten seconds; 0 if there is none. */
  settled(): number {
    const isSettled = performance.now() - this.revSince >= SETTLES_AFTER_MS;
    return isSettled ? (this.own?.rev ?? 0) : this.settledRev;
  }

  believe(manifest: Manifest): void {
    if (!this.own || !haveSameContent(this.own, manifest)) this.version += 1;
    if (this.own?.rev !== manifest.rev) {
      this.settledRev = this.settled();
      this.revSince = performance.now();
    }
    this.own = manifest;
    for (const name of this.entries.keys())
      if ((manifest.consumers.get(name)?.value ?? '') === '') this.entries.delete(name);
  }

  /** Believes a manifest that this process has signed, and what it has believed meanwhile. */
  adopt(manifest: Manifest): void {
    this.believe(this.own ? mergeManifests(this.own, manifest).merged : manifest);
  }

  /** The names and digests of the consumers that the manifest proves. */
  listed(): [name: string, digest: string][] {
    return [...(this.own ?? emptyManifest).consumers]
      .filter(([, { value }]) => value !== '')
      .map(([name, { value }]): [string, string] => [name, value])
      .toSorted(([a], [b]) => (a < b ? -1 : 1));
  }

  /** Takes a text if the manifest proves it; whether it does. */
  take(name: string, bytes: Buffer | string): boolean {
    const digest = digestOf(bytes);
    if (this.own?.consumers.get(name)?.value !== digest) return false;
    if (this.entries.get(name)?.digest === digest) return true;
    const text = bytes.toString();
    this.entries.set(name, { text, digest, sha1: sha1Of(bytes), consumer: parse(name, text) });
    this.version += 1;
    return true;
  }

  /** The text that the manifest proves, if this process has it. */
  private proved(name: string): Entry | undefined {
    const entry = this.entries.get(name);
    return entry && entry.digest === this.own?.consumers.get(name)?.value ? entry : undefined;
  }

  textOf(name: string): string | undefined {
    return this.proved(name)?.text;
  }

  sha1Of(name: string): string | undefined {
    return this.proved(name)?.sha1;
  }

  fact(name: string): string | undefined {
    return this.own?.facts.get(name)?.value;
  }

  get(name: string): SeenConsumer | undefined {
    const entry = this.proved(name);
    return entry?.consumer && this.seenOf(entry.text, entry.consumer);
  }

  /** All that can be read, by name; and the names of those that cannot. */
  list(): { consumers: SeenConsumer[]; unreadable: string[] } {
    const proved = this.listed().flatMap(([name]) => {
      const entry = this.proved(name);
      return entry ? [{ name, ...entry }] : [];
    });
    return {
      consumers: proved.flatMap(({ text, consumer }) => (consumer ? [this.seenOf(text, consumer)] : [])),
      unreadable: proved.filter(({ consumer }) => !consumer).map(({ name }) => name),
    };
  }

  /** What decides whom records are sealed for. */
  recipients(): string {
    const granted = this.list().consumers.filter(({ consumer }) => consumer.kept !== undefined);
    return sha1Of(JSON.stringify(granted.map(({ consumer: { name, orgs, kept } }) => [name, orgs, kept])));
  }

  /** An org has one name, even if an entry names it `c`. */
  private seenOf(text: string, consumer: Consumer): SeenConsumer {
    const alias = this.fact('alias') ?? ORG_ALIAS;
    const orgs = consumer.orgs.includes(ORG_ALIAS)
      ? [...new Set(consumer.orgs.map((orgId) => (orgId === ORG_ALIAS ? alias : orgId)))].toSorted()
      : consumer.orgs;
    return { consumer: { ...consumer, orgs }, text, storedOrgs: consumer.orgs };
  }
}

const parse = (name: string, text: string): Consumer | undefined => {
  try {
    const consumer = Consumer.parse(JSON.parse(text));
    return consumer.name === name ? consumer : undefined;
  } catch {
    return undefined;
  }
};
