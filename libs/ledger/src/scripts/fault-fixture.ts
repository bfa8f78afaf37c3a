import { Redis } from 'ioredis';
import { commandNames, commandText, piecesOf } from './load.ts';
import type { CommandName } from './names.generated.ts';

/**
 * For specs only: a connection whose every script call is rehearsed first under each fault that can stop a
 * script in the middle. After each rehearsal the state is put back, and in the end the call is made. Redis
 * rolls nothing back, so that a script has to do all or nothing.
 */
export interface Faults {
  redis: Redis;
  /** What was found, one line each: the script, the fault, and what was left. */
  readonly violations: string[];
  /** Replies that a wrong type or garbage changed, and not only what was written: `SCRIPT FAULT: REPLY`. */
  readonly decisions: Set<string>;
  /** How many rehearsals there were. */
  readonly rehearsals: () => number;
  /** Call sites of the scripts that no call has reached: `FILE: LINE`. */
  unreached(): string[];
  scripts(): Set<string>;
  close(): void;
}

type Reply = { rejected: string } | { resolved: unknown };
interface Snapshot {
  entries: [key: string, dump: Buffer, ttl: number][];
  /** Key → what it holds, as text. */
  holds: Map<string, string>;
}

const NOW = 'simulated-now';
const USER = 'limited';

const SNAPSHOT = `
local out = {}
for _, key in ipairs(redis.call('KEYS', '{spec}:*')) do
  local kind, text = redis.call('TYPE', key).ok, nil
  if kind == 'string' then text = redis.call('GET', key)
  elseif kind == 'list' then text = table.concat(redis.call('LRANGE', key, 0, -1), '\\n')
  elseif kind == 'set' then local all = redis.call('SMEMBERS', key) table.sort(all) text = table.concat(all, '\\n')
  elseif kind == 'zset' then text = table.concat(redis.call('ZRANGE', key, 0, -1, 'WITHSCORES'), '\\n')
  elseif kind == 'stream' then
    local all = {}
    for _, entry in ipairs(redis.call('XRANGE', key, '-', '+')) do all[#all + 1] = table.concat(entry[2], '=') end
    text = table.concat(all, '\\n')
  else
    local all, flat = {}, redis.call('HGETALL', key)
    for i = 1, #flat, 2 do all[#all + 1] = flat[i] .. '=' .. flat[i + 1] end
    table.sort(all)
    text = table.concat(all, '\\n')
  end
  local ttl = redis.call('PTTL', key)
  out[#out + 1] = { key, redis.call('DUMP', key), ttl, kind .. (ttl > 0 and ' lapses ' or ' ') .. text }
end
return out`;
const RESTORE = `
for _, key in ipairs(redis.call('KEYS', '{spec}:*')) do redis.call('DEL', key) end
for i = 1, #ARGV, 3 do redis.call('RESTORE', ARGV[i], ARGV[i + 1] == '-1' and '0' or ARGV[i + 1], ARGV[i + 2]) end`;

/** Of several key versions each is refused by itself. */
const isBroken = (reply: unknown): boolean =>
  Array.isArray(reply) &&
  reply.length > 1 &&
  reply.slice(1).every((answer) => Array.isArray(answer) && answer[0] === 'BROKEN');

/** Ids of stream entries are of the real clock. */
const withoutEntryIds = (text: string): string => text.replaceAll(/\b\d{13}-\d+\b/g, 'ENTRY');
const FAMILIES = [
  'accepted',
  'acks',
  'adopted',
  'answers',
  'assistant',
  'assistants',
  'budget',
  'bulk',
  'bulk-request',
  'bulks',
  'changes',
  'checks',
  'consumers',
  'current',
  'damaged',
  'events',
  'held',
  'intents',
  'known',
  'ledger',
  'orgs',
  'policies',
  'policy',
  'policy-request',
  'processes',
  'request',
  'rollbacks',
  'rotation',
  'rotations',
  'seq',
  'stale',
  'sweep',
  'sweeping',
  'sweeps',
  'uncertain',
];
/** Keys that a script may write to without there being any before and after. */
const FIXED = [
  'accepted',
  'adopted:org_1',
  'answers',
  'assistants:org_1',
  'bulks',
  'bulks:active',
  'bulks:awaiting',
  'bulks:empty',
  'bulks:ended',
  'changes:org_1',
  'checks',
  'consumers',
  'events',
  'held',
  'intents:org_1',
  'known',
  'ledger',
  'orgs',
  'policies',
  'rollbacks',
  'rotations:CANCELLED',
  'rotations:FAILED',
  'rotations:SUCCEEDED',
  'rotations:open',
  'seq',
  'stale',
  'sweeping',
  'sweeps',
  'sweeps:QUEUED',
  'uncertain',
].map((name) => `{spec}:${name}`);
const familyOf = (key: string): string => key.split(':')[1]!;

/**
 * What nobody can know once a key is spoilt: the parts and the lists of a bulk rotation, and which bulk
 * rotations are worked on; how many assistants are listed; of a rotation, its bulk and the index that it
 * belongs in.
 */
const hangsOn = (key: string, spoilt: string): boolean =>
  key.startsWith(`${spoilt}:`) ||
  (familyOf(spoilt) === 'bulk' && familyOf(key) === 'bulks') ||
  (familyOf(spoilt) === 'bulks' && familyOf(key) === 'bulk') ||
  (familyOf(spoilt) === 'assistants' && familyOf(key) === 'known') ||
  (familyOf(spoilt) === 'rotation' && ['bulk', 'bulks', 'rotations'].includes(familyOf(key)));

const CALL = /\b(?:read|write|redis\.p?call)\((?=')/g;
/** Each call site of the scripts, as `FILE: LINE`. */
const allSites = (): string[] => {
  const files = new Map<string, string>();
  for (const name of commandNames) {
    const { early, late, own } = piecesOf(name);
    for (const piece of [...early, ...late, own]) files.set(piece.name, piece.text);
  }
  return [...files].flatMap(([file, text]) =>
    text.split('\n').flatMap((line) => [...line.matchAll(CALL)].map(() => `${file}: ${line.trim()}`)),
  );
};

export const connectUnderFaults = async (url: string): Promise<Faults> => {
  const redis = new Redis(url);
  const admin = new Redis(url);
  await admin.acl('SETUSER', USER, 'on', '>word');
  const limited = new Redis(url, { username: USER, password: 'word', enableReadyCheck: false });
  const violations: string[] = [];
  const decisions = new Set<string>();
  const seen = new Set<string>();
  const reached = new Set<string>();
  const scripts = new Set<string>();
  let rehearsals = 0;

  const snapshot = async (): Promise<Snapshot> => {
    const rows = (await admin.callBuffer('EVAL', SNAPSHOT, '0')) as [Buffer, Buffer, number, Buffer][];
    const holds = rows.map(([key, , , text]): [string, string] => [
      key.toString(),
      withoutEntryIds(text.toString()),
    ]);
    return {
      entries: rows.map(([key, dump, ttl]) => [key.toString(), dump, ttl]),
      holds: new Map(holds.toSorted()),
    };
  };
  const restore = ({ entries }: Snapshot) =>
    admin.call('EVAL', RESTORE, '0', ...entries.flatMap(([key, dump, ttl]) => [key, String(ttl), dump]));
  const differences = (a: Snapshot, b: Snapshot, except: string[] = []): string[] =>
    [...new Set([...a.holds.keys(), ...b.holds.keys()])].filter(
      (key) => !except.includes(key) && a.holds.get(key) !== b.holds.get(key),
    );
  const attempt = async (by: Redis, text: string, args: unknown[]): Promise<Reply> => {
    rehearsals += 1;
    return (by.call('EVAL', text, ...(args as string[])) as Promise<unknown>).then(
      (resolved) => (isBroken(resolved) ? { rejected: JSON.stringify(resolved) } : { resolved }),
      (error: Error) => ({ rejected: error.message }),
    );
  };
  const wordOf = (reply: Reply): string =>
    'rejected' in reply ? 'rejected' : withoutEntryIds(JSON.stringify(reply.resolved));

  /** Which commands and sites a call runs. The time comes by an HMGET of its own. */
  const trace = async (
    script: string,
    text: string,
    args: unknown[],
    before: Snapshot,
  ): Promise<{ sites: string[]; commands: string[] }> => {
    const lines: string[] = [];
    const [, flags = '', body = ''] = /^(#!lua[^\n]*\n)?([^]*)$/.exec(text)!;
    const counted = body.replaceAll(CALL, (call, at: number) => {
      const start = body.lastIndexOf('\n', at) + 1;
      lines.push(body.slice(start, body.indexOf('\n', at)).trim());
      return `site_(${lines.length}, ${call.slice(0, -1)}, `;
    });
    await admin.del('sites');
    await attempt(
      admin,
      `${flags}local function site_(n, run, ...) redis.call('SADD', 'sites', n) return run(...) end\n${counted}`,
      args,
    );
    const sites = (await admin.smembers('sites')).map((n) => lines[Number(n) - 1]!);
    await restore(before);
    await admin.config('RESETSTAT');
    await attempt(admin, text, args);
    const commands = [...(await admin.info('commandstats')).matchAll(/^cmdstat_(\w+):/gm)]
      .map(([, name]) => name!)
      .filter(
        (name) =>
          !['eval', 'config', 'info'].includes(name) &&
          (name !== 'hmget' || commandText(script as CommandName).includes("'HMGET'")),
      );
    return { sites, commands };
  };

  const rehearse = async (name: string, text: string, args: unknown[]): Promise<void> => {
    const before = await snapshot();
    const { sites, commands } = await trace(name, text, args, before);
    await restore(before);
    const right = await attempt(admin, text, args);
    const after = await snapshot();
    await restore(before);
    scripts.add(name);
    for (const line of sites) reached.add(line);
    const signature = `${name} ${wordOf(right).split(/[",]/)[1] ?? ''} ${sites.toSorted().join('\n')}`;
    if (seen.has(signature)) return;
    seen.add(signature);

    /**
     * All or nothing: of a call that was refused nothing is left, and one that was answered has done the same
     * as without the fault.
     */
    const judge = async (fault: string, start: Snapshot, reply: Reply, except: string[]): Promise<void> => {
      const end = await snapshot();
      const undone = differences(start, end);
      if ('rejected' in reply) {
        if (undone.length > 0)
          violations.push(
            `${name} ${fault}: refused (${reply.rejected.slice(0, 80)}), and wrote ${undone.join(' ')}`,
          );
        return;
      }
      if (wordOf(reply) !== wordOf(right)) {
        if (undone.length > 0)
          decisions.add(`${name} ${fault}: ${wordOf(reply).slice(0, 120)}, and wrote ${undone.join(' ')}`);
        return;
      }
      const missing = differences(after, end, [...except, '{spec}:damaged']).filter(
        (key) => !except.some((spoilt) => hangsOn(key, spoilt)),
      );
      if (missing.length > 0)
        violations.push(
          `${name} ${fault}: answered ${wordOf(reply).slice(0, 40)}, and differs in ${missing.join(' ')}`,
        );
    };
    const tryAs = async (fault: string, rules: string[]): Promise<void> => {
      await admin.acl('SETUSER', USER, 'reset', 'on', '>word', ...rules);
      await judge(fault, before, await attempt(limited, text, args), []);
      await restore(before);
    };
    const keysAllowed = (families: string[]) => [
      `~${NOW}`,
      ...families.flatMap((family) => [`~{spec}:${family}`, `~{spec}:${family}:*`]),
    ];

    const all = ['+@all', ...keysAllowed(FAMILIES)];
    for (const command of commands)
      await tryAs(`without the command ${command}`, [...all, '&*', `-${command}`]);
    await tryAs('without channels', all);
    const touched = [...new Set([...before.holds.keys(), ...after.holds.keys()])];
    for (const family of new Set(touched.map(familyOf))) {
      await tryAs(`without the keys ${family}`, [
        '+@all',
        '&*',
        ...keysAllowed(FAMILIES.filter((one) => one !== family)),
      ]);
      await tryAs(`with the keys ${family} to read`, [
        '+@all',
        '&*',
        ...keysAllowed(FAMILIES.filter((one) => one !== family)),
        `%R~{spec}:${family}`,
        `%R~{spec}:${family}:*`,
      ]);
    }

    for (const key of new Set([...touched, ...FIXED])) {
      await admin.del(key);
      if ((before.holds.get(key) ?? after.holds.get(key))?.startsWith('string'))
        await admin.rpush(key, 'nonsense');
      else await admin.set(key, 'nonsense');
      await judge(`with another type in ${key}`, await snapshot(), await attempt(admin, text, args), [key]);
      await restore(before);
    }

    for (const [key, text_] of before.holds) {
      const garbage = text_.startsWith('hash')
        ? (await admin.hkeys(key)).map((field) => [field, () => admin.hset(key, field, 'nonsense')] as const)
        : text_.startsWith('string')
          ? [['', () => admin.set(key, 'nonsense')] as const]
          : [];
      for (const [field, spoil] of garbage) {
        await spoil();
        const start = await snapshot();
        const reply = await attempt(admin, text, args);
        const undone = differences(start, await snapshot());
        if ('rejected' in reply && undone.length > 0)
          violations.push(
            `${name} with nonsense in ${key} ${field}: refused (${reply.rejected.slice(0, 80)}), and wrote ${undone.join(' ')}`,
          );
        await restore(before);
      }
    }
  };

  let turn: Promise<unknown> = Promise.resolve();
  const define = redis.defineCommand.bind(redis);
  redis.defineCommand = (command, definition) => {
    const name = command.replace('rekey:', '');
    const text = commandText(name as CommandName).replace(
      `redis.call('TIME')`,
      `redis.call('HMGET', '${NOW}', 's', 'us')`,
    );
    define(command, { ...definition, lua: text });
    const scripted = redis as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
    const run = scripted[command]!;
    scripted[command] = (...args) => {
      const done = turn.then(() => rehearse(name, text, args.flat())).then(() => run.apply(redis, args));
      turn = done.catch(() => {});
      return done;
    };
  };
  redis.time = (async () => (await redis.hmget(NOW, 's', 'us')).map(Number)) as typeof redis.time;

  return {
    redis,
    violations,
    decisions,
    rehearsals: () => rehearsals,
    scripts: () => scripts,
    unreached: () => allSites().filter((site) => !reached.has(site.replace(/^[\w/-]+: /, ''))),
    close: () => {
      for (const one of [redis, admin, limited]) one.disconnect();
    },
  };
};
