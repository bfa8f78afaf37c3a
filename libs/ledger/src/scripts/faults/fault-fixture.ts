import { Redis } from 'ioredis';
import { commandText } from '../load.ts';
import type { CommandName } from '../names.generated.ts';
import { allSites, withSites } from './sites-fixture.ts';
import {
  differencesOf,
  restoreKey,
  restoreSnapshot,
  takeSnapshot,
  withKey,
  withoutEntryIds,
  type Snapshot,
} from './snapshot-fixture.ts';
import { FAMILIES, FIXED, dependsOn, familyOf } from './spec-keys-fixture.ts';

/**
 * For specs only: a connection that rehearses every script call under each fault that can stop a script in
 * the middle. After each rehearsal the state is put back; in the end the call is made. Redis does not roll
 * back, so a script has to do all or nothing.
 */
export interface Faults {
  redis: Redis;
  /** What was found, one line each: the script, the fault, and what was left. */
  readonly violations: string[];
  /** Replies that a wrong type or garbage changed, and not only what was written: `SCRIPT FAULT: REPLY`. */
  readonly decisions: Set<string>;
  /** Call sites of the scripts that no call has reached: `FILE: LINE`. */
  unreached(): string[];
  scripts(): Set<string>;
  close(): void;
}

type Reply = { rejected: string } | { resolved: unknown };

interface Attempt {
  reply: Reply;
  hasWritten: boolean;
}

/** A call of a script, and what it does without a fault. */
interface Call {
  name: CommandName;
  text: string;
  args: unknown[];
  before: Snapshot;
  after: Snapshot;
  right: Reply;
}

const NOW = 'simulated-now';
const USER = 'limited';

/** `commit` refuses each key version by itself. */
const isBroken = (reply: unknown): boolean =>
  Array.isArray(reply) &&
  reply.length > 1 &&
  reply.slice(1).every((answer) => Array.isArray(answer) && answer[0] === 'BROKEN');

const wordOf = (reply: Reply): string =>
  'rejected' in reply ? 'rejected' : withoutEntryIds(JSON.stringify(reply.resolved));

const keysAllowed = (families: string[]): string[] => [
  `~${NOW}`,
  ...families.flatMap((family) => [`~{spec}:${family}`, `~{spec}:${family}:*`]),
];

class Rehearsal {
  readonly violations: string[] = [];
  readonly decisions = new Set<string>();
  readonly reached = new Set<string>();
  readonly scripts = new Set<string>();
  private readonly seen = new Set<string>();
  /** Of the scripts that Redis has. */
  private readonly digests = new Map<string, string>();
  private readonly admin: Redis;
  private readonly limited: Redis;

  constructor(admin: Redis, limited: Redis) {
    this.admin = admin;
    this.limited = limited;
  }

  async rehearse(name: CommandName, text: string, args: unknown[]): Promise<void> {
    const before = await takeSnapshot(this.admin);
    const { sites, commands } = await this.trace(name, text, args, before);
    await restoreSnapshot(this.admin, before);
    const right = await this.attempt(this.admin, text, args);
    const after = await takeSnapshot(this.admin);
    await restoreSnapshot(this.admin, before);
    this.scripts.add(name);
    for (const line of sites) this.reached.add(line);
    const signature = `${name} ${wordOf(right).split(/[",]/)[1] ?? ''} ${sites.toSorted().join('\n')}`;
    if (this.seen.has(signature)) return;
    this.seen.add(signature);
    const call: Call = { name, text, args, before, after, right };
    await this.withoutRights(call, commands);
    await this.withOtherTypes(call);
    await this.withNonsense(call);
    // Locks last as long as before: they must not lapse because rehearsals take time.
    await restoreSnapshot(this.admin, before);
  }

  private async attempt(by: Redis, text: string, args: unknown[]): Promise<Reply> {
    const digest = this.digests.get(text) ?? ((await this.admin.script('LOAD', text)) as string);
    this.digests.set(text, digest);
    return (by.call('EVALSHA', digest, ...(args as string[])) as Promise<unknown>).then(
      (resolved) => (isBroken(resolved) ? { rejected: JSON.stringify(resolved) } : { resolved }),
      (error: Error) => ({ rejected: error.message }),
    );
  }

  /** The same, and whether it changed anything: only then is everything looked at, and put back. */
  private async attemptAndCount(by: Redis, { text, args }: Call): Promise<Attempt> {
    const first = this.countWrites();
    if (by !== this.admin) await first;
    const reply = await this.attempt(by, text, args);
    return { reply, hasWritten: (await first) !== (await this.countWrites()) };
  }

  /** How many changes Redis has counted since its start: it saves none. */
  private async countWrites(): Promise<number> {
    return Number(/^rdb_changes_since_last_save:(\d+)/m.exec(await this.admin.info('persistence'))![1]);
  }

  /** The commands and sites that a call runs. An HMGET reads the time. */
  private async trace(
    script: CommandName,
    text: string,
    args: unknown[],
    before: Snapshot,
  ): Promise<{ sites: string[]; commands: string[] }> {
    const { admin } = this;
    const counted = withSites(text);
    await admin.del('sites');
    await this.attempt(admin, counted.text, args);
    const sites = (await admin.smembers('sites')).map((n) => counted.lines[Number(n) - 1]!);
    await restoreSnapshot(admin, before);
    await admin.config('RESETSTAT');
    await this.attempt(admin, text, args);
    const commands = [...(await admin.info('commandstats')).matchAll(/^cmdstat_(\w+):/gm)]
      .map(([, name]) => name!)
      .filter(
        (name) =>
          !['evalsha', 'config', 'info'].includes(name) &&
          (name !== 'hmget' || commandText(script).includes("'HMGET'")),
      );
    return { sites, commands };
  }

  /**
   * All or nothing: a call that was refused has left nothing, and one that was answered has done the same as
   * without the fault. `start` is what it began with.
   */
  private async judge(
    call: Call,
    fault: string,
    start: Snapshot,
    { reply, hasWritten }: Attempt,
    damaged: string[] = [],
  ) {
    const { name, right, after } = call;
    const end = hasWritten ? await takeSnapshot(this.admin) : start;
    const written = differencesOf(start, end);
    if ('rejected' in reply) {
      if (written.length > 0)
        this.violations.push(
          `${name} ${fault}: refused (${reply.rejected.slice(0, 80)}), and wrote ${written.join(' ')}`,
        );
      return;
    }
    if (wordOf(reply) !== wordOf(right)) {
      if (written.length > 0)
        this.decisions.add(
          `${name} ${fault}: ${wordOf(reply).slice(0, 120)}, and wrote ${written.join(' ')}`,
        );
      return;
    }
    const missing = differencesOf(after, end, [...damaged, '{spec}:damaged']).filter(
      (key) => !damaged.some((one) => dependsOn(key, one)),
    );
    if (missing.length > 0)
      this.violations.push(
        `${name} ${fault}: answered ${wordOf(reply).slice(0, 40)}, and differs in ${missing.join(' ')}`,
      );
  }

  private async tryAs(call: Call, fault: string, rules: string[]): Promise<void> {
    const { before } = call;
    await this.admin.acl('SETUSER', USER, 'reset', 'on', '>word', ...rules);
    const attempt = await this.attemptAndCount(this.limited, call);
    await this.judge(call, fault, before, attempt);
    if (attempt.hasWritten) await restoreSnapshot(this.admin, before);
  }

  /** Without each command, the channels, and the keys of each family. */
  private async withoutRights(call: Call, commands: string[]): Promise<void> {
    const all = ['+@all', ...keysAllowed(FAMILIES)];
    for (const command of commands)
      await this.tryAs(call, `without the command ${command}`, [...all, '&*', `-${command}`]);
    await this.tryAs(call, 'without channels', all);
    const touched = new Set([...call.before.holds.keys(), ...call.after.holds.keys()].map(familyOf));
    for (const family of touched) {
      const others = ['+@all', '&*', ...keysAllowed(FAMILIES.filter((one) => one !== family))];
      await this.tryAs(call, `without the keys ${family}`, others);
      const toRead = [`%R~{spec}:${family}`, `%R~{spec}:${family}:*`];
      await this.tryAs(call, `with the keys ${family} to read`, [...others, ...toRead]);
    }
  }

  /** Puts everything back, or only the key that a rehearsal has damaged. */
  private putBack({ before }: Call, damaged: string, { hasWritten }: Attempt): Promise<unknown> {
    return hasWritten ? restoreSnapshot(this.admin, before) : restoreKey(this.admin, before, damaged);
  }

  /** With another type in each key. */
  private async withOtherTypes(call: Call): Promise<void> {
    const { admin } = this;
    const { before, after } = call;
    for (const key of new Set([...before.holds.keys(), ...after.holds.keys(), ...FIXED])) {
      void admin.del(key);
      const isText = (before.holds.get(key) ?? after.holds.get(key))?.startsWith('string');
      if (isText) void admin.rpush(key, 'nonsense');
      else void admin.set(key, 'nonsense');
      const attempt = await this.attemptAndCount(admin, call);
      const start = withKey(before, key, `${isText ? 'list' : 'string'} nonsense`);
      await this.judge(call, `with another type in ${key}`, start, attempt, [key]);
      await this.putBack(call, key, attempt);
    }
  }

  /** With nonsense in each text, and in each field of each hash. */
  private async withNonsense(call: Call): Promise<void> {
    const { admin } = this;
    const { name, before } = call;
    for (const [key, held] of before.holds) {
      const fields = held.startsWith('hash') ? await admin.hkeys(key) : held.startsWith('string') ? [''] : [];
      for (const field of fields) {
        const isText = field === '' && held.startsWith('string');
        const spoil = () => (isText ? admin.set(key, 'nonsense') : admin.hset(key, field, 'nonsense'));
        void spoil();
        const attempt = await this.attemptAndCount(admin, call);
        if ('rejected' in attempt.reply && attempt.hasWritten) {
          const end = await takeSnapshot(admin);
          await restoreSnapshot(admin, before);
          await spoil();
          const written = differencesOf(await takeSnapshot(admin), end);
          if (written.length > 0)
            this.violations.push(
              `${name} with nonsense in ${key} ${field}: refused ` +
                `(${attempt.reply.rejected.slice(0, 80)}), and wrote ${written.join(' ')}`,
            );
        }
        await this.putBack(call, key, attempt);
      }
    }
  }
}

/** Has each script call rehearsed first, one after the other. */
const rehearseCalls = (redis: Redis, rehearsal: Rehearsal): void => {
  let turn: Promise<unknown> = Promise.resolve();
  const define = redis.defineCommand.bind(redis);
  redis.defineCommand = (command, definition) => {
    const name = command.replace('rekey:', '') as CommandName;
    const text = commandText(name).replace(`redis.call('TIME')`, `redis.call('HMGET', '${NOW}', 's', 'us')`);
    define(command, { ...definition, lua: text });
    const scripted = redis as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
    for (const method of [command, `${command}Buffer`]) {
      const run = scripted[method]!;
      scripted[method] = (...args) => {
        const done = turn
          .then(() => rehearsal.rehearse(name, text, args.flat()))
          .then(() => run.apply(redis, args));
        turn = done.catch(() => {});
        return done;
      };
    }
  };
  redis.time = (async () => (await redis.hmget(NOW, 's', 'us')).map(Number)) as typeof redis.time;
};

export const connectUnderFaults = async (url: string): Promise<Faults> => {
  const redis = new Redis(url);
  const admin = new Redis(url);
  await admin.acl('SETUSER', USER, 'on', '>word');
  const limited = new Redis(url, { username: USER, password: 'word', enableReadyCheck: false });
  const rehearsal = new Rehearsal(admin, limited);
  rehearseCalls(redis, rehearsal);
  return {
    redis,
    violations: rehearsal.violations,
    decisions: rehearsal.decisions,
    scripts: () => rehearsal.scripts,
    unreached: () => allSites().filter((site) => !rehearsal.reached.has(site.replace(/^[\w/-]+: /, ''))),
    close: () => {
      for (const one of [redis, admin, limited]) one.disconnect();
    },
  };
};
