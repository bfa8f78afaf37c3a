import { EVIL, noticed, readEntries, type Clever, type Entry } from './clever.ts';
import type { RedisCommand, WriterView } from '../mutation.ts';

const change = async (
  view: WriterView,
  whose: 'own' | 'victim',
  changes: (found: { own: Entry; victim: Entry }) => Entry,
): Promise<RedisCommand[] | undefined> => {
  const { key, own, victim } = await readEntries(view);
  if (!own || !victim) return undefined;
  const entry = whose === 'own' ? own : victim;
  const after = { ...entry, ...changes({ own, victim }) };
  return [['HSET', key, String(entry.name), JSON.stringify(after)], ...noticed(view)];
};

const addReader: Clever = async (view, { publicJwk }) => {
  const created = new Date(0).toISOString();
  const entry = { name: EVIL, orgs: ['*'], state: 'PENDING', created_at: created, key: publicJwk };
  const key = { ...publicJwk, kid: '' };
  const name = view.random.pick([EVIL, EVIL, '__proto__', 'constructor']);
  return [
    ['HSET', `${view.prefix}:consumers`, name, JSON.stringify({ ...entry, name, key })],
    ...noticed(view),
  ];
};

/** Rows 1, 2 and 5 of what one write to Redis could do: who may read. */
export const readers: Record<string, Clever> = {
  'a reader of everything added': addReader,
  'own orgs widened': (view) =>
    change(view, 'own', () => ({ orgs: ['*'], state: view.random.pick(['ENROLLING', 'PENDING', 'ACTIVE']) })),
  "own key in another's entry": (view, { publicJwk }) =>
    change(view, 'victim', () => ({ key: publicJwk, state: 'PENDING', kept: undefined, grant: undefined })),
  "own kept in another's entry": (view) =>
    change(view, 'victim', ({ own }) => ({ kept: own['kept'], state: 'ENROLLING' })),
  "another's kept in the own entry": (view) =>
    change(view, 'own', ({ victim }) => ({ kept: victim['kept'], state: 'ENROLLING' })),
  "another's grant replaced": (view) =>
    change(view, 'victim', ({ own }) => ({ grant: own['grant'], kept: own['kept'] })),
  'state of a consumer changed': (view) =>
    change(view, 'victim', () => ({ state: view.random.pick(['PENDING', 'ENROLLING', 'ACTIVE']) })),
  'orgs of another taken away': (view) => change(view, 'victim', () => ({ orgs: ['org_nowhere'] })),
  'an earlier entry put back': async (view) => {
    const key = `${view.prefix}:consumers`;
    const names = view.seen.fields(key);
    if (names.length === 0) return undefined;
    const name = view.random.pick(names);
    return [['HSET', key, name, view.seen.text(view.random, key, name) ?? ''], ...noticed(view)];
  },
  'the registry and its entries rolled back': async (view) => {
    const { prefix, seen, random } = view;
    const commands = [`${prefix}:registry`, `${prefix}:consumers`].flatMap((key): RedisCommand[] => {
      const dump = seen.dump(random, key);
      return dump ? [['RESTORE', key, 0, dump, 'REPLACE']] : [];
    });
    return [...commands, ...noticed(view)];
  },
  'the registry rolled back': async ({ prefix, seen, random }) => {
    const dump = seen.dump(random, `${prefix}:registry`);
    return dump ? [['RESTORE', `${prefix}:registry`, 0, dump, 'REPLACE']] : undefined;
  },
  'the registry removed': async ({ prefix }) => [['DEL', `${prefix}:registry`]],
  'the registry and all consumers removed': async (view) => [
    ['DEL', `${view.prefix}:registry`, `${view.prefix}:consumers`],
    ...noticed(view),
  ],
};
