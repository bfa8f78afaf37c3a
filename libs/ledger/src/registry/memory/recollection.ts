import type { Believed } from '../believed.ts';
import { signManifest, type Manifest, type ManifestScope } from '../manifest.ts';
import type { MemoryFile } from '../memory-file.ts';

interface RecollectionDeps {
  memory: MemoryFile;
  believed: Believed;
  minRev: number;
  scope: () => ManifestScope;
  /** By Redis: the one clock that this process shares with the gateway of an operator's decision. */
  nowMs: () => Promise<number>;
}

/** Another client can change the id of a ledger again and again. */
const MAX_LEDGER_IDS = 10;

/** What this process remembers of the registry, until it believes one, and what it remembers of that. */
export class Recollection {
  private readonly deps: RecollectionDeps;
  /** The ledger that the memory file was last read for. */
  private readFor: string | undefined;
  private saved = { rev: 0, ledgerId: '' };
  /**
   * The ids that the ledger has had while this process, or one that wrote the file, lived: a process that
   * starts when it has an earlier one again still remembers.
   */
  private ledgerIds: string[] = [];
  /** The file is there, and cannot be used: why, and since when, by Redis, in ms since 1970. */
  private fault: { why: string; sinceMs: number } | undefined;

  constructor(deps: RecollectionDeps) {
    this.deps = deps;
  }

  /** Why the file cannot be used. Nothing is taken whole from Redis then: what was true is in that file. */
  get unusable(): string | undefined {
    return this.fault?.why;
  }

  /**
   * Reads the memory file, until something is believed: again for another ledger, since a writer in Redis can
   * change the id of one, and again while it cannot be used. True if that is over.
   */
  async read(): Promise<boolean> {
    const { memory, believed, minRev, scope, nowMs } = this.deps;
    const { ledgerId } = scope();
    const before = this.fault;
    if (believed.manifest || (this.readFor === ledgerId && !before)) return false;
    const remembered = await memory.read(scope());
    const sinceMs = before?.sinceMs ?? (await nowMs());
    this.readFor = ledgerId;
    this.fault = undefined;
    if (remembered !== 'absent') {
      if ('unusable' in remembered) this.fault = { why: remembered.unusable, sinceMs };
      else {
        this.ledgerIds = remembered.ledgerIds;
        if (remembered.manifest.rev >= minRev) believed.believe(remembered.manifest);
      }
    }
    return before !== undefined && this.fault === undefined;
  }

  /** Whether a stored manifest is not to be believed: no operator has decided since the fault was found. */
  refuses({ facts }: Manifest): boolean {
    if (this.fault === undefined) return false;
    const decidedMs = Date.parse(facts.get('trusted')?.value ?? '');
    return !(decidedMs >= this.fault.sinceMs);
  }

  /**
   * Remembers what is believed. If the file could not be used, an operator has decided that. `again`: also
   * retries a write that failed.
   */
  save({ again = false } = {}): void {
    const { believed, memory, scope } = this.deps;
    const { manifest } = believed;
    if (!manifest) return;
    const { ledgerId } = scope();
    const isSaved = manifest.rev === this.saved.rev && ledgerId === this.saved.ledgerId;
    if (isSaved && (!again || memory.isKept())) return;
    this.saved = { rev: manifest.rev, ledgerId };
    this.noteLedger(ledgerId);
    const text = signManifest(manifest, { ...scope(), ledgerIds: this.ledgerIds });
    memory.save(text, scope(), { replace: this.fault !== undefined });
    this.fault = undefined;
  }

  /** Keeps the first one and the last ones. */
  private noteLedger(ledgerId: string): void {
    if (ledgerId === '' || this.ledgerIds.includes(ledgerId)) return;
    const [first = ledgerId, ...others] = [...this.ledgerIds, ledgerId];
    this.ledgerIds = [first, ...others.slice(1 - MAX_LEDGER_IDS)];
  }
}
