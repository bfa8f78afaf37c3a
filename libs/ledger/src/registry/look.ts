import { checkEntries, type EntryState } from './check-entries.ts';
import { emptyManifest, haveSameContent, mergeManifests, readManifest, signManifest } from './manifest.ts';
import type { ManifestScope, Unusable } from './manifest.ts';
import type { MemoryFile } from './memory-file.ts';
import {
  detailOf,
  repairedNote,
  type Problems,
  type RegistryProblem,
  type UntrustedCode,
} from './problems.ts';
import type { RegistryOptions, RegistryView } from './registry.ts';
import type { Stored, StoredHead } from './stored.ts';
import { nextRev, type Base, type RegistryContext, type Replace } from './write.ts';

interface LookerDeps extends RegistryContext {
  stored: Stored;
  problems: Problems;
  memory: MemoryFile;
  minRev: number;
  replace: Replace;
  report: NonNullable<RegistryOptions['report']>;
}

const CHECK_ENTRIES_EVERY_MS = 5000;
const CHECK_ENTRIES_SPREAD_MS = 1000;
const REPAIR_EVERY_MS = 2000;
const REPAIR_SPREAD_MS = 500;
const TRIES = 3;

type Finding = Pick<RegistryProblem, 'code' | 'subject' | 'detail'>;

/** Compares what is stored with what is believed: see `Registry.look`. One look at a time. */
export class Looker {
  private readonly deps: LookerDeps;
  private head: StoredHead | undefined;
  private isHeadCurrent = false;
  private seen = 'none';
  private ledgerId = '';
  private unusable: Unusable | 'below-floor' | undefined;
  /** The stored manifest is not what is believed: why. */
  private stale: string | undefined;
  private storedRev = 0;
  private entries: EntryState = { altered: new Map(), lost: new Map(), unlisted: [], count: 0 };
  private nextCheckAt = 0;
  private nextRepairAt = 0;
  /** Whom records are sealed for, and the revision of the recipients at which that was last known. */
  private sealedFor: { recipients: string; revision: string } | undefined;
  private savedRev = 0;

  constructor(deps: LookerDeps) {
    this.deps = deps;
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
    if (this.deps.believed.manifest) return undefined;
    if (this.unusable === 'other-key') return 'REGISTRY_KEY_OTHER';
    if (this.unusable !== 'absent' || this.deps.minRev > 0) return 'REGISTRY_UNTRUSTED';
    return this.entries.count > 0 ? 'REGISTRY_NOT_TAKEN_OVER' : undefined;
  }

  /** The next look reads the manifest, even if it seems to be the same. */
  forgetHead(): void {
    this.isHeadCurrent = false;
  }

  /** This process has written what it believes. */
  noteWritten({ reseals }: { reseals: boolean }): void {
    this.forgetHead();
    this.unusable = undefined;
    this.stale = undefined;
    this.entries.altered.clear();
    // A rise of the revision says whatever is sealed for others from now on.
    if (reseals) this.sealedFor = undefined;
    this.save();
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
    this.save();
    this.findProblems();
    await this.repair();
    const { recipients, resealed, alias } = this.head!;
    return { version: believed.version, recipients, resealed, notedAlias: alias };
  }

  private async readManifest(always: boolean): Promise<void> {
    const { stored, sources, believed, memory } = this.deps;
    const head = await stored.head();
    const ledgerId = sources.knownId() ?? head.ledgerId ?? '';
    const isFirst = this.head === undefined;
    const isSame = this.head?.head === head.head && this.head.length === head.length;
    const isOther = ledgerId !== this.ledgerId;
    this.head = head;
    this.ledgerId = ledgerId;
    if (isFirst) {
      const remembered = await memory.read(this.scope());
      if (remembered && remembered.rev >= this.deps.minRev) believed.believe(remembered);
    }
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

  private cannotUse(why: Unusable | 'below-floor'): void {
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

  private save(): void {
    const { believed, memory } = this.deps;
    const { manifest } = believed;
    if (!manifest || manifest.rev === this.savedRev) return;
    this.savedRev = manifest.rev;
    memory.save(signManifest(manifest, this.scope()), this.scope());
  }

  private findProblems(): void {
    const { problems, believed, report } = this.deps;
    const code = this.untrusted();
    const alias = believed.fact('alias');
    const of = (what: Finding['code'], faults: Iterable<[string, string]>): Finding[] =>
      [...faults].map(([subject, detail]) => ({ code: what, subject, detail }));
    const unlisted = this.entries.unlisted.map((name): [string, string] => [name, 'no process listed it']);
    const { begun, over } = problems.set([
      ...(code === undefined ? [] : [{ code, subject: '', detail: detailOf[this.unusable ?? 'absent'] }]),
      ...(alias !== undefined && alias !== this.head?.alias
        ? [{ code: 'LEDGER_ALTERED' as const, subject: '', detail: 'its note of the org of c was changed' }]
        : []),
      ...of('CONSUMER_LOST', this.entries.lost),
      ...of('CONSUMER_ALTERED', this.entries.altered),
      // Before the registry was taken over, nothing is listed.
      ...(believed.manifest ? of('CONSUMER_UNTRUSTED', unlisted) : []),
    ]);
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
    if (!believed.manifest || this.isLedgerLost() || (!isDue && !isUnsealed)) {
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
    const manifest = isDue ? { ...base.own, rev: base.rev } : base.own;
    if (!(await replace(base, { manifest, entries: base.repairs, reseals: true })) || !isDue) return;
    problems.noteRepaired(found);
    await stored.noteRepaired(repairedNote(problems.list()));
    const why = found.map(({ code, detail }) => `${code}: ${detail}`);
    report({ kind: 'repaired', why, names: base.repairs.map(({ name }) => name), rev: manifest.rev });
  }
}

/** A manifest that proves nothing is replaced; one that is older, or lacks something, was rolled back. */
const codeOf = (unusable: Unusable | 'below-floor' | undefined): Finding['code'] =>
  unusable === undefined ? 'REGISTRY_ROLLED_BACK' : 'REGISTRY_REPAIRED';
