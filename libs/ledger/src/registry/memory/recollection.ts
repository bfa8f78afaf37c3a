import type { Believed } from '../believed.ts';
import { signManifest, type Manifest, type ManifestScope } from '../manifest.ts';
import type { MemoryFile } from '../memory-file.ts';

interface RecollectionDeps {
  memory: MemoryFile;
  believed: Believed;
  minRev: number;
  scope: () => ManifestScope;
}

/** What this process remembers of the registry, until it believes one, and what it remembers of that. */
export class Recollection {
  private readonly deps: RecollectionDeps;
  /** The ledger that the memory file was last read for. */
  private readFor: string | undefined;
  private savedRev = 0;
  /** The file is there, and cannot be used: why, and since when, in microseconds since 1970. */
  private fault: { why: string; sinceUs: number } | undefined;

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
    const { memory, believed, minRev, scope } = this.deps;
    const { ledgerId } = scope();
    const before = this.fault;
    if (believed.manifest || (this.readFor === ledgerId && !before)) return false;
    const remembered = await memory.read(scope());
    this.readFor = ledgerId;
    this.fault = undefined;
    if (remembered !== 'absent') {
      if ('unusable' in remembered)
        this.fault = { why: remembered.unusable, sinceUs: before?.sinceUs ?? Date.now() * 1000 };
      else if (remembered.manifest.rev >= minRev) believed.believe(remembered.manifest);
    }
    return before !== undefined && this.fault === undefined;
  }

  /** Whether a stored manifest is not to be believed: no operator has decided since the fault was found. */
  refuses({ facts }: Manifest): boolean {
    return this.fault !== undefined && (facts.get('trusted')?.rev ?? 0) < this.fault.sinceUs;
  }

  /**
   * Remembers what is believed. If the file could not be used, an operator has decided that. `again`: also
   * retries a write that failed.
   */
  save({ again = false } = {}): void {
    const { believed, memory, scope } = this.deps;
    const { manifest } = believed;
    if (!manifest || (manifest.rev === this.savedRev && (!again || memory.isKept()))) return;
    this.savedRev = manifest.rev;
    memory.save(signManifest(manifest, scope()), scope(), { replace: this.fault !== undefined });
    this.fault = undefined;
  }
}
