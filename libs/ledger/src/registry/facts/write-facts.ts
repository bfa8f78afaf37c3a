import type { ActivityOfWrite } from '../../activity/consumer-writes.ts';
import type { Believed } from '../believed.ts';
import { emptyManifest, type Manifest } from '../manifest.ts';
import { untilWritten, withRecord, type Base, type Replace } from '../write.ts';
import { EXPIRED_KEPT_MS, hasExpired } from './expiring.ts';

type Facts = Manifest['facts'];

interface FactsChange {
  /** By name. */
  values: Record<string, string>;
  activity: ActivityOfWrite;
}

/**
 * Writes facts that the registry proves. `changeOf` returns them, or undefined to write nothing; it runs
 * again if another process has written meanwhile. Returns the revision of the write. Throws the codes of
 * `requireTrusted`, CONSUMER_BUSY, and what `changeOf` throws.
 */
export type WriteFacts = (changeOf: (facts: Facts) => FactsChange | undefined) => Promise<number | undefined>;

interface WriteFactsDeps {
  believed: Believed;
  base(): Base;
  look(): Promise<unknown>;
  replace: Replace;
  requireTrusted(): void;
}

const withoutExpired = (manifest: Manifest): Manifest => ({
  ...manifest,
  facts: new Map(
    [...manifest.facts].filter(([name, { value }]) => !hasExpired(name, value, EXPIRED_KEPT_MS)),
  ),
});

export const createWriteFacts =
  ({ believed, base, look, replace, requireTrusted }: WriteFactsDeps): WriteFacts =>
  (changeOf) => {
    let written: FactsChange | undefined;
    const isWritten = (facts: Facts) =>
      written !== undefined &&
      Object.entries(written.values).every(([name, value]) => facts.get(name)?.value === value);
    return untilWritten(async () => {
      await look();
      requireTrusted();
      const { facts, rev } = believed.manifest ?? emptyManifest;
      // The reply to an earlier attempt was lost: it was written.
      if (isWritten(facts)) return rev;
      written = changeOf(facts);
      if (written === undefined) return undefined;
      const now = base();
      const manifest = withRecord(withoutExpired(now.own), now.rev, { facts: written.values });
      const { activity } = written;
      return (await replace(now, { manifest, entries: now.repairs, activity })) ? now.rev : 'changed';
    });
  };
