import { describe, expect, it } from '@jest/globals';
import { specRegistry } from '@rekey/testing';
import * as fc from 'fast-check';
import {
  emptyManifest,
  haveSameContent,
  mergeManifests,
  readManifest,
  signManifest,
  type Manifest,
} from './manifest.ts';

const scope = { ...specRegistry, prefix: 'spec', ledgerId: 'ledger' };

/** Golden: the stored form must never change. */
const MANIFEST: Manifest = {
  rev: 3,
  floor: 0,
  facts: new Map([['alias', { rev: 2, value: 'org_0' }]]),
  consumers: new Map([
    ['gone', { rev: 3, value: '' }],
    ['billing', { rev: 1, value: 'D'.repeat(43) }],
  ]),
};
const TEXT =
  '{"prefix":"spec","ledger":"ledger","rev":3,"floor":0,"facts":[["alias",2,"org_0"]],' +
  `"consumers":[["billing",1,"${'D'.repeat(43)}"],["gone",3,""]]}`;

describe('a manifest', () => {
  it('is stored as a text with its proof, and read again', () => {
    const stored = signManifest(MANIFEST, scope);
    expect(stored).toBe(`1.spec-key-000.${specRegistry.key.mac('rekey.registry.1', TEXT)}.${TEXT}`);
    const read = readManifest(Buffer.from(stored), scope);
    expect('manifest' in read && haveSameContent(read.manifest, MANIFEST)).toBe(true);
  });

  it('is refused with any byte changed, and never throws', () => {
    const stored = Buffer.from(signManifest(MANIFEST, scope));
    fc.assert(
      fc.property(fc.nat(stored.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
        const changed = Buffer.from(stored);
        changed[at] = (changed[at]! + by) % 256;
        expect(readManifest(changed, scope)).toHaveProperty('unusable');
      }),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(readManifest(Buffer.from(bytes), scope)).toHaveProperty('unusable');
      }),
    );
  });

  it('of another prefix, ledger or key is refused', () => {
    const stored = Buffer.from(signManifest(MANIFEST, scope));
    const why = (other: object) =>
      (readManifest(stored, { ...scope, ...other }) as { unusable: string }).unusable;
    expect(why({ prefix: 'other' })).toBe('other-ledger');
    expect(why({ ledgerId: 'other' })).toBe('other-ledger');
    expect(why({ key: { ...scope.key, kid: 'spec-key-001' } })).toBe('other-key');
  });
});

/** Histories that processes have signed: each change has a revision of its own. */
const names = fc.constantFrom('a', 'b', 'c', 'd');
const history = fc.array(fc.tuple(names, fc.constantFrom('', 'D1', 'D2', 'D3')), {
  minLength: 1,
  maxLength: 12,
});
const manifestsOf = (changes: [string, string][]): Manifest[] => {
  let now = emptyManifest;
  return changes.map(([name, value], i) => {
    const rev = i + 1;
    now = { ...now, rev, consumers: new Map([...now.consumers, [name, { rev, value }]]) };
    return now;
  });
};

describe('two manifests of one history', () => {
  it('are merged to the newest, in whatever order they are read', () => {
    fc.assert(
      fc.property(history, fc.array(fc.nat(11), { maxLength: 30 }), (changes, order) => {
        const all = manifestsOf(changes);
        const last = all.at(-1)!;
        let believed = all[(order[0] ?? 0) % all.length]!;
        for (const i of order) {
          const read = all[i % all.length]!;
          const { merged } = mergeManifests(believed, read);
          expect(merged.rev).toBe(Math.max(believed.rev, read.rev));
          believed = merged;
        }
        expect(haveSameContent(mergeManifests(believed, last).merged, last)).toBe(true);
      }),
    );
  });

  it('never bring back what was removed, also if an old one was signed again with a change', () => {
    fc.assert(
      fc.property(history, fc.nat(11), names, (changes, old, changed) => {
        const all = manifestsOf(changes);
        const last = all.at(-1)!;
        const base = all[old % all.length]!;
        const rev = last.rev + 5;
        const forked = {
          ...base,
          rev,
          consumers: new Map([...base.consumers, [changed, { rev, value: 'NEW' }]]),
        };
        const { merged } = mergeManifests(last, forked);
        const expected = new Map([...last.consumers, [changed, { rev, value: 'NEW' }]]);
        expect(merged.consumers).toEqual(expected);
        expect(mergeManifests(forked, { ...merged, rev: rev + 1 }).merged.consumers).toEqual(expected);
      }),
    );
  });
});

describe('the removals of a manifest', () => {
  it('are kept up to 200; older records than the others count no more', () => {
    const removals = Array.from(
      { length: 250 },
      (_, i) => [`gone-${i}`, { rev: i + 10, value: '' }] as const,
    );
    const before: Manifest = {
      ...emptyManifest,
      rev: 5,
      consumers: new Map([['gone-0', { rev: 5, value: 'D' }]]),
    };
    const { merged } = mergeManifests(before, { ...emptyManifest, rev: 300, consumers: new Map(removals) });
    expect([merged.consumers.size, merged.floor]).toEqual([200, 59]);
    const replayed = { ...before, rev: 400 };
    expect(mergeManifests(merged, replayed).merged.consumers.has('gone-0')).toBe(false);
    expect(mergeManifests(before, merged).merged.consumers.has('gone-0')).toBe(false);
  });
});
