import { NO_ACTIVITY } from '../activity/consumer-writes.ts';
import { checkEntries, type EntryState } from './check-entries.ts';
import {
  HEAD_BYTES,
  MAX_MANIFEST_BYTES,
  emptyManifest,
  haveSameContent,
  mergeManifests,
  readManifest,
} from './manifest.ts';
import type { Manifest, ManifestScope } from './manifest.ts';
import type { MemoryFile } from './memory-file.ts';
import { Recollection } from './memory/recollection.ts';
import {
  detailOf,
  findingsOf,
  repairedNote,
  type Finding,
  type Problems,
  type Unbelieved,
  type UntrustedCode,
} from './problems.ts';
import type { RegistryOptions, RegistryView } from './registry.ts';
import type { Stored, StoredHead } from './stored.ts';
import { redisNowMs } from '../time/redis-now.ts';
import { nextRev, type Base, type RegistryContext, type Replace } from './write.ts';

interface LookerDeps extends RegistryContext {
  stored: Stored;
  problems: Problems;
  memory: MemoryFile;
  minRev: number;
  /** Whether live workers prove a registry by another key than this process has, and none by its own. */
  isOverruled: () => Promise<boolean>;
  replace: Replace;
  report: NonNullable<RegistryOptions['report']>;
}

const CHECK_ENTRIES_EVERY_MS = 5000;
const CHECK_ENTRIES_SPREAD_MS = 1000;
const REPAIR_EVERY_MS = 2000;
const REPAIR_SPREAD_MS = 500;
const TRIES = 3;
/** Another client that puts back an old registry this often within this time does not stop by itself. */
const CONTESTED_AFTER = 3;
const CONTESTED_WITHIN_MS = 60_000;
/** How many published manifests are remembered as merged: a flood of them is not verified again. */
const MOST_HEARD = 1000;

const noEntries: EntryState = { altered: new Map(), lost: new Map(), unlisted: [], count: 0 };

/** Compares what is stored with what is believed: see `Registry.look`. One look at a time. */
export class Looker {
  private readonly deps: LookerDeps;
  private head: StoredHead | undefined;
  private isHeadCurrent = false;
  private seen = 'none';
  private ledgerId = '';
  private unusable: Unbelieved | undefined;
  private isOverruled = false;
  /** The stored manifest is not what is believed: why. */
  private stale: string | undefined;
  private storedRev = 0;
  private entries: EntryState = { altered: new Map(), lost: new Map(), unlisted: [], count: 0 };
  private nextCheckAt = 0;
  private nextRepairAt = 0;
  /** When this process last repaired, at most as often as is asked for. */
  private repairedAt: number[] = [];
  /** Whom records are sealed for, and the revision of the recipients at which that was last known. */
  private sealedFor: { recipients: string; revision: string } | undefined;
  private readonly recollection: Recollection;
  /** What this process believes, merged with what other processes have published: the next look takes it. */
  private heard: Manifest | undefined;
  /** The first bytes, with the MAC, of published manifests that were merged. */
  private readonly heardBefore = new Set<string>();

  constructor(deps: LookerDeps) {
    this.deps = deps;
    const nowMs = () => redisNowMs(deps.connection.redis);
    this.recollection = new Recollection({ ...deps, scope: () => this.scope(), nowMs });
  }

  scope(): ManifestScope {
    return { key: this.deps.key, prefix: this.deps.prefix, ledgerId: this.ledgerId };
  }

  base(): Base {
    const { believed, minRev } = this.deps;
    const own = believed.manifest ?? emptyManifest;
    const texts = [...this.entries.altered.keys()].map((name) => ({ name, text: believed.textOf(name) }));
    return {
      own,
      seen: this.seen,
      repairs: texts.filter(({ text }) => text !== undefined),
      rev: nextRev(own.rev, minRev, this.storedRev),
      scope: this.scope(),
    };
  }

  /** Another ledger is in the place of the one that this process knows: nothing is written there. */
  isLedgerLost(): boolean {
    return this.head !== undefined && (this.head.ledgerId ?? '') !== this.ledgerId;
  }

  untrusted(): UntrustedCode | undefined {
    if (!this.head) return 'REGISTRY_UNTRUSTED';
    if (this.isOverruled) return 'REGISTRY_KEY_OTHER';
    if (this.deps.believed.manifest) return undefined;
    if (this.recollection.unusable !== undefined) return 'REGISTRY_UNTRUSTED';
    if (this.unusable === 'other-key') return 'REGISTRY_KEY_OTHER';
    if (this.unusable !== 'absent' || this.deps.minRev > 0) return 'REGISTRY_UNTRUSTED';
    return this.entries.count > 0 ? 'REGISTRY_NOT_TAKEN_OVER' : undefined;
  }

  /** Another client changes the registry as often as this process repairs it. */
  isContested(): boolean {
    const since = performance.now() - CONTESTED_WITHIN_MS;
    return this.repairedAt.filter((at) => at > since).length >= CONTESTED_AFTER;
  }

  /** The next look reads the manifest, even if it seems to be the same. */
  forgetHead(): void {
    this.isHeadCurrent = false;
  }

  /**
   * Takes a manifest from the channel on which it was published as it was written. It counts as one that is
   * read: of each record the newest. True if the next look believes something else. A process that believes
   * nothing takes nothing: an old manifest can be published again.
   */
  hear(text: string): boolean {
    const { believed } = this.deps;
    const start = text.slice(0, HEAD_BYTES);
    if (!believed.manifest || this.heardBefore.has(start)) return false;
    if (Buffer.byteLength(text) > MAX_MANIFEST_BYTES) return false;
    const read = readManifest(Buffer.from(text), this.scope());
    if ('unusable' in read) return false;
    if (this.heardBefore.size >= MOST_HEARD) this.heardBefore.clear();
    // A copy: a slice would keep the whole message in memory.
    this.heardBefore.add(Buffer.from(start).toString());
    const before = this.heard ?? believed.manifest;
    const { merged } = mergeManifests(before, read.manifest);
    if (merged.rev === before.rev && haveSameContent(merged, before)) return false;
    this.heard = merged;
    return true;
  }

  /** This process has written what it believes. */
  noteWritten({ reseals }: { reseals: boolean }): void {
    this.forgetHead();
    this.unusable = undefined;
    this.stale = undefined;
    this.entries.altered.clear();
    // A rise of the revision says whatever is sealed for others from now on.
    if (reseals) this.sealedFor = undefined;
    this.recollection.save();
  }

  async look(full: boolean): Promise<RegistryView> {
    const { believed } = this.deps;
    const isFull = full || performance.now() >= this.nextCheckAt;
    for (let tries = 1; tries <= TRIES; tries += 1) {
      await this.readManifest(isFull || tries > 1);
      if (await this.readEntries(isFull, tries === TRIES)) break;
    }
    if (isFull) {
      const spread = (2 * Math.random() - 1) * CHECK_ENTRIES_SPREAD_MS;
      this.nextCheckAt = performance.now() + CHECK_ENTRIES_EVERY_MS + spread;
    }
    this.recollection.save({ again: isFull });
    this.isOverruled =
      this.unusable === 'other-key' && believed.manifest !== undefined && (await this.deps.isOverruled());
    this.findProblems();
    await this.repair();
    const { recipients, resealed, alias } = this.head!;
    return { version: believed.version, recipients, resealed, notedAlias: alias };
  }

  private async readManifest(always: boolean): Promise<void> {
    const { stored, sources, believed } = this.deps;
    // Before the read: what is stored then is at least as new.
    if (this.heard && believed.manifest) {
      believed.believe(mergeManifests(believed.manifest, this.heard).merged);
      this.forgetHead();
    }
    this.heard = undefined;
    const head = await stored.head();
    const ledgerId = sources.knownId() ?? head.ledgerId ?? '';
    const isSame = this.head?.head === head.head && this.head.length === head.length;
    const isOther = ledgerId !== this.ledgerId;
    this.head = head;
    this.ledgerId = ledgerId;
    if (await this.recollection.read()) this.forgetHead();
    if (isSame && !isOther && this.isHeadCurrent && !always) return;
    const manifest = await stored.manifest(head);
    this.isHeadCurrent = true;
    this.seen = manifest.seen;
    if ('unusable' in manifest) this.cannotUse(manifest.unusable);
    else this.readBytes(manifest.bytes);
  }

  private readBytes(bytes: Buffer): void {
    const { believed, minRev } = this.deps;
    const read = readManifest(bytes, this.scope());
    if ('unusable' in read) return this.cannotUse(read.unusable);
    const { manifest: theirs } = read;
    const mine = believed.manifest;
    this.storedRev = theirs.rev;
    if (!mine && theirs.rev < minRev) return this.cannotUse('below-floor');
    if (!mine && this.recollection.refuses(theirs)) return this.cannotUse('memory');
    this.unusable = undefined;
    this.stale = undefined;
    if (!mine) return believed.believe(theirs);
    const { merged, old } = mergeManifests(mine, theirs);
    if (theirs.rev < mine.rev)
      this.stale = `revision ${theirs.rev} is stored, and ${mine.rev} was read before`;
    else if (!haveSameContent(merged, theirs))
      this.stale = `revision ${theirs.rev} lacks what ${mine.rev} had, or has older records`;
    if (old.length > 0 && this.stale !== undefined) this.stale += `: ${old.slice(0, 10).join(', ')}`;
    if (merged.rev !== mine.rev || !haveSameContent(merged, mine)) believed.believe(merged);
  }

  private cannotUse(why: Unbelieved): void {
    this.unusable = why;
    this.stale = this.deps.believed.manifest && detailOf[why];
  }

  /** False if the manifest has changed meanwhile. */
  private async readEntries(full: boolean, last: boolean): Promise<boolean> {
    const { stored, believed } = this.deps;
    const { head } = this;
    return checkEntries({ stored, believed, state: this.entries, full }, async () => {
      if (last) return true;
      const now = await stored.head();
      return now.head === head!.head && now.length === head!.length;
    });
  }

  private findProblems(): void {
    const { problems, believed, report } = this.deps;
    const code = this.untrusted();
    const { unusable } = this.recollection;
    const alias = believed.fact('alias');
    const { begun, over } = problems.set(
      findingsOf({
        untrusted: code && { code, why: unusable === undefined ? (this.unusable ?? 'absent') : 'memory' },
        memory: unusable,
        isAliasAltered: alias !== undefined && alias !== this.head?.alias,
        isContested: this.isContested(),
        ...(this.isOverruled ? noEntries : this.entries),
        // Before the registry was taken over, nothing is listed.
        ...(believed.manifest ? {} : { unlisted: [] }),
      }),
    );
    for (const problem of begun) report({ kind: 'begun', problem });
    for (const problem of over) report({ kind: 'over', problem });
  }

  /** Puts back what this process believes, and seals for whom it believes. */
  private async repair(): Promise<void> {
    const { believed, replace, problems, report, stored } = this.deps;
    const { head, stale } = this;
    const { altered } = this.entries;
    const recipients = believed.recipients();
    const before = this.sealedFor;
    const isUnsealed =
      before !== undefined && before.recipients !== recipients && before.revision === head!.recipients;
    const base = this.base();
    const isDue = stale !== undefined || base.repairs.length > 0;
    if (!believed.manifest || this.isLedgerLost() || this.isOverruled || (!isDue && !isUnsealed)) {
      this.sealedFor = { recipients, revision: head!.recipients };
      return;
    }
    if (performance.now() < this.nextRepairAt) return;
    this.nextRepairAt = performance.now() + REPAIR_EVERY_MS + Math.random() * REPAIR_SPREAD_MS;
    const found: Finding[] = [
      ...(stale === undefined
        ? []
        : [{ code: codeOf(this.unusable), subject: '', detail: stale } satisfies Finding]),
      ...[...altered].map(([subject, detail]): Finding => ({ code: 'CONSUMER_ALTERED', subject, detail })),
    ];
    // One that fails counts too: somebody has written meanwhile.
    if (isDue) this.repairedAt = [...this.repairedAt, performance.now()].slice(-CONTESTED_AFTER);
    const manifest = isDue ? { ...base.own, rev: base.rev } : base.own;
    const replacement = { manifest, entries: base.repairs, reseals: true, activity: NO_ACTIVITY };
    if (!(await replace(base, replacement)) || !isDue) return;
    problems.noteRepaired(found);
    await stored.noteRepaired((noted) => repairedNote(problems.list(), noted));
    const why = found.map(({ code, detail }) => `${code}: ${detail}`);
    report({ kind: 'repaired', why, names: base.repairs.map(({ name }) => name), rev: manifest.rev });
  }
}

/** A manifest that proves nothing is replaced; one that is older, or lacks something, was rolled back. */
const codeOf = (unusable: Unbelieved | undefined): Finding['code'] =>
  unusable === undefined ? 'REGISTRY_ROLLED_BACK' : 'REGISTRY_REPAIRED';
