import type { KnownProcess } from '../system/processes.ts';
import type { SeenConsumer } from './believed.ts';
import type { WriteFacts } from './facts/write-facts.ts';
import type { Manifest, RegistryKey } from './manifest.ts';
import type { RegistryProblem, UntrustedCode } from './problems.ts';
import type { Trust } from './trust.ts';
import type { ConsumerWrite } from './write.ts';

export interface RegistryOptions {
  /** Undefined: a gateway without its key file. Nothing is believed, and everything else works. */
  key: RegistryKey | undefined;
  /** REKEY_REGISTRY_MEMORY: a file that remembers the last manifest over a restart. */
  memoryPath?: string | undefined;
  /** REKEY_REGISTRY_MIN_REV: an older registry is not believed. */
  minRev?: number | undefined;
  /** Called once for each thing that an operator should know of. */
  report?: ((event: RegistryEvent) => void) | undefined;
}

/** For the log. Names are of consumers, cut to 63 characters. */
export type RegistryEvent =
  /** This process has put back what it believes. `why`: what it found. */
  | { kind: 'repaired'; why: string[]; names: string[]; rev: number }
  /** Something begins to be wrong, or is over. */
  | { kind: 'begun' | 'over'; problem: RegistryProblem }
  | { kind: 'memory-failed'; err: unknown };

/** Of an ioredis connection. */
interface ChannelSource {
  on(event: 'message', listener: (channel: string, message: string) => void): unknown;
  subscribe(channel: string): Promise<unknown>;
}

/** What records are sealed by, at the moment of a look. */
export interface RegistryView {
  /** Rises with every change of what this process believes. */
  version: number;
  /** The revision of the recipients, which a commit names; and the one up to which all records are sealed. */
  recipients: string;
  resealed: string;
  /** The ledger's own note of the org that `c` stands for. It is unproved: see `Registry.alias`. */
  notedAlias: string | undefined;
}

type NotedFact = { kind: 'noted' | 'known' } | { kind: 'contradicts'; knownOrg: string };

/**
 * The registry of consumers, and the one reader of it: what this process believes, because the registry key
 * proves it (decision 0021).
 *
 * All that is not a promise answers from memory, as of the last look.
 */
export interface Registry {
  /**
   * Compares what is stored with what is believed, and repairs what another client has changed. Calls at the
   * same time share one look, which begins after the call. Until something is believed, a look reads the
   * memory file. `full`: also compares all entries, as a look does every 5 s by itself.
   */
  look(options?: { full?: boolean }): Promise<RegistryView>;
  /** Looks again and again: workers every 500 ms, gateways every 2 s. `close` saves the memory file. */
  startLooking(everyMs: number, onError: (error: unknown) => void): { close(): Promise<void> };
  /**
   * Takes each manifest as it is written, from a connection that may subscribe, and looks at once: a writer
   * in Redis that puts back an old one within a millisecond is too late.
   */
  listen(subscriber: ChannelSource, onError: (error: unknown) => void): void;
  /** Why nobody is believed; undefined if the registry is, or has not begun. */
  untrusted(): UntrustedCode | undefined;
  /** Throws the same as RekeyError. */
  requireTrusted(): void;
  /** Another client puts back an old registry as often as this process repairs it. */
  isContested(): boolean;
  /** See `RegistryView.version`. */
  version(): number;
  /** The revision that is believed; 0 if none is. */
  rev(): number;
  /** The consumers that are believed, by name; none if the registry is not. */
  list(): { consumers: SeenConsumer[]; unreadable: string[] };
  get(name: string): SeenConsumer | undefined;
  /**
   * Listed consumers whose entry this process cannot believe: no record is sealed for them, and they count as
   * UNAPPLIED.
   */
  lost(): string[];
  /** Whether a name is listed, or an entry of it is stored that nobody listed: it can be removed. */
  isKnown(name: string): Promise<boolean>;
  /** The org that `c` stands for, if that is proved; `c` itself if not. */
  alias(): string;
  /** The set of keys of the workers' key file, if a worker has noted it. */
  keySetId(): string | undefined;
  /** Whether a file remembers what this process believes. */
  isRemembered(): boolean;
  /** For the status of the system. */
  problems(): RegistryProblem[];
  /** Adds what a process has put back by other means. */
  noteRepaired(problem: Pick<RegistryProblem, 'code' | 'subject' | 'detail'>): void;
  /** See ConsumerWrite. */
  write: ConsumerWrite;
  /** What is believed beside the consumers, by name. */
  facts(): Manifest['facts'];
  /** See WriteFacts. */
  writeFacts: WriteFacts;
  /** Notes the set of keys of the workers' key file. */
  noteKeySet(keySetId: string): Promise<void>;
  /**
   * Notes which org `c` stands for, after evidence; see org-alias.lua. `contradicts`: another one is proved.
   */
  noteAlias(orgId: string, how: 'configured' | 'learned'): Promise<NotedFact>;
  /** What an operator accepts, whoever stored it. */
  readonly trust: Trust;
  /**
   * For the presence of a process: the proof that it believes a revision. `rev`: the one that it acts by, if
   * that is not the last one. Undefined if it believes none.
   */
  presence(processId: string, rev?: number): string | undefined;
  /** Of these, the live workers that do not prove that they believe at least this revision, by id. */
  behind(rev: number, processes: readonly KnownProcess[]): string[];
  /**
   * Of these, the workers that were live within the last minute, have not announced their end, and did not
   * prove it either, by id. They may have died, or may hang.
   */
  silent(rev: number, processes: readonly KnownProcess[]): string[];
  /** Whether one of these, a live worker, proves that it knows the last change that this process believes. */
  isProved(processes: readonly KnownProcess[]): boolean;
  /** The same for the revision that this process has believed for ten seconds. */
  lagging(processes: readonly KnownProcess[]): string[];
}
