import type { KnownProcess } from '../../system/processes.ts';
import type { ManifestScope } from '../manifest.ts';
import type { Registry } from '../registry.ts';
import type { RegistryContext } from '../write.ts';

interface Proofs extends Pick<Registry, 'presence' | 'behind' | 'silent' | 'lagging' | 'isProved'> {
  /** Whether live workers beside this process prove a registry by another key, and none by its own. */
  isOverruled(processes: readonly KnownProcess[]): boolean;
}

/** A worker that was live before that is not asked for any more. */
const SILENT_FOR_MS = 60_000;

const SEEN_LABEL = 'rekey.seen.1';

/** What processes prove of the registry that they believe, in their presence. */
export const createProofs = (
  { key, prefix, believed }: Pick<RegistryContext, 'key' | 'prefix' | 'believed'>,
  scope: () => ManifestScope,
): Proofs => {
  let ownId: string | undefined;
  const textOf = (id: string, rev: number) => JSON.stringify([prefix, scope().ledgerId, id, rev]);
  const proves = ({ id, settings: { registry = '' } }: KnownProcess, rev: number): boolean => {
    const [, shown, mac] = /^(\d{1,16})\.([A-Za-z0-9_-]{43})$/.exec(registry) ?? [];
    return Number(shown) >= rev && key.verify(SEEN_LABEL, textOf(id, Number(shown)), mac!);
  };
  const workersOf = (processes: readonly KnownProcess[]) =>
    processes.filter(({ live, kind }) => live && kind === 'worker');
  const behind = (rev: number, processes: readonly KnownProcess[]): string[] =>
    workersOf(processes)
      .filter((one) => !proves(one, rev))
      .map(({ id }) => id);
  return {
    presence: (id, rev = believed.manifest?.rev ?? 0) => {
      ownId = id;
      return rev === 0 ? undefined : `${rev}.${key.mac(SEEN_LABEL, textOf(id, rev))}`;
    },
    behind,
    silent: (rev, processes) =>
      processes
        .filter(({ kind, silentMs = Infinity }) => kind === 'worker' && silentMs < SILENT_FOR_MS)
        .filter((one) => !proves(one, rev))
        .map(({ id }) => id),
    lagging: (processes) => (believed.settled() === 0 ? [] : behind(believed.settled(), processes)),
    // A repair raises the revision, and changes nobody.
    isProved: (processes) => workersOf(processes).some((one) => proves(one, believed.changedAt())),
    isOverruled: (processes) => {
      const others = workersOf(processes).filter(
        ({ id, settings }) => id !== ownId && settings.registry !== undefined,
      );
      return others.length > 0 && !others.some((one) => proves(one, 1));
    },
  };
};
