import type { RedisCommand, WriterView } from '../mutation.ts';
import { noticed, readEntries, type Clever } from './clever.ts';

/** Longer than the two seconds after which a gateway repairs. */
const FIGHT_MS = 3000;
const OFTEN_MS = 20;
/** More than any registry: a hundred of them are published at once. */
const LONGEST = 100_000;

const again = (commands: RedisCommand[], everyMs = OFTEN_MS) => ({
  commands,
  later: { everyMs, commands: Array.from({ length: FIGHT_MS / everyMs }, () => commands) },
});

const oldRegistry = ({ prefix, seen, random }: WriterView): RedisCommand[] =>
  [`${prefix}:registry`, `${prefix}:consumers`].flatMap((key): RedisCommand[] => {
    const dump = seen.dump(random, key);
    return dump ? [['RESTORE', key, 0, dump, 'REPLACE']] : [];
  });

/** What no process of Rekey can wait out: a writer who undoes each repair at once, or waits for a restart. */
export const fights: Record<string, Clever> = {
  'the registry put back after each repair': async (view) => {
    const commands = oldRegistry(view);
    const hideProcesses: RedisCommand[] =
      view.random.next() < 0.5 ? [['DEL', `${view.prefix}:processes`]] : [];
    return commands.length === 0 ? undefined : again([...commands, ...hideProcesses]);
  },
  'orgs of another taken away again and again': async (view) => {
    const { key, victim } = await readEntries(view);
    if (!victim) return undefined;
    const entry = JSON.stringify({ ...victim, orgs: view.random.pick([['org_nowhere'], [], ['*']]) });
    return again([['HSET', key, String(victim.name), entry], ...noticed(view)]);
  },
  'the ledger id changed and back': async ({ redis, prefix, random }) => {
    const key = `${prefix}:ledger`;
    const [id, adopted] = await redis.hmget(key, 'id', 'adopted');
    if (id === null || id === undefined) return undefined;
    const back: RedisCommand[] = [['HSET', key, 'id', id, 'adopted', adopted ?? id]];
    const away: RedisCommand[] = [['HSET', key, 'id', 'other', 'adopted', random.pick(['other', id, ''])]];
    return {
      commands: away,
      later: { everyMs: random.pick([20, 600, 1500]), commands: random.pick([[back], [back, away, back]]) },
    };
  },
  'the ledger id changed over a restart': async (view) => {
    const key = `${view.prefix}:ledger`;
    const id = await view.redis.hget(key, 'id');
    const old = oldRegistry(view);
    if (id === null || old.length === 0) return undefined;
    return {
      commands: [['HSET', key, 'id', 'other', 'adopted', 'other'], ...old],
      afterRestart: [['HSET', key, 'id', id, 'adopted', id]],
    };
  },
  'the fingerprint key changed over a restart': async (view) => [
    ['HSET', `${view.prefix}:ledger`, 'fingerprint_key', 'A'.repeat(22)],
    ...(view.random.next() < 0.5 ? [['DEL', `${view.prefix}:registry`] satisfies RedisCommand] : []),
  ],
  'records said to be sealed again, again and again': async ({ redis, prefix }) => {
    const readers = (await redis.hget(`${prefix}:ledger`, 'readers')) ?? '0';
    return again([['HSET', `${prefix}:ledger`, 'resealed', readers]]);
  },
  'channels flooded': async ({ redis, prefix, random, seen }) => {
    const manifest = await redis.getrange(`${prefix}:registry`, 0, LONGEST - 1);
    const texts = [
      manifest,
      seen.text(random, `${prefix}:registry`) ?? '',
      `${manifest.slice(0, -4)}AAAA`,
      '{}',
      'y'.repeat(10_000),
    ];
    const channel = random.pick(['registry-written', 'registry-written', 'events', 'rotation-ended']);
    const flood = Array.from({ length: 100 }, (_, i): RedisCommand => [
      'PUBLISH',
      `${prefix}:${channel}`,
      texts[i % texts.length]!,
    ]);
    return again(flood, 100);
  },
};
