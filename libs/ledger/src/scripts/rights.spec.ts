import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRedis, type RedisServer } from '@rekey/testing';
import { Redis } from 'ioredis';
import { beginReading, createStreamReader } from '../consumers/stream-reader.ts';
import { commandNames, commandText, rightsOfAllCommands } from './load.ts';
import { missingRights } from './missing-rights.ts';
import { argumentsOf, rightsOf } from './rights.ts';
import { rightsOfCommands } from './rights.generated.ts';
import { BULL_COMMANDS } from './sent-commands.ts';

let server: RedisServer;
let admin: Redis;
beforeAll(async () => {
  server = await startRedis();
  admin = new Redis(server.url);
});
afterAll(async () => {
  admin.disconnect();
  await server.dispose();
});

const missingOf = async (...rules: string[]): Promise<string[]> => missingAs('worker', rules);
const missingAs = async (role: 'gateway' | 'worker', rules: string[]): Promise<string[]> => {
  await admin.acl('SETUSER', 'limited', 'reset', 'on', '>word', ...rules);
  const limited = new Redis(server.url, { username: 'limited', password: 'word', enableReadyCheck: false });
  try {
    return await missingRights(limited, 'spec', role);
  } finally {
    limited.disconnect();
  }
};

describe('missingRights', () => {
  it('asks for what the commands need as they are now', () => {
    expect(rightsOfCommands).toEqual(rightsOfAllCommands());
  });

  it('finds nothing missing for a user with all rights, and writes nothing', async () => {
    expect(await missingRights(admin, 'spec')).toEqual([]);
    expect(await missingOf('~{spec}:*', '&{spec}:*', '+@all')).toEqual([]);
    expect(await admin.dbsize()).toBe(0);
  });

  it.each([
    ['a command of a script alone', ['~*', '&*', '+@all', '-zdiff'], ['the command ZDIFF']],
    ['a command of BullMQ alone', ['~*', '&*', '+@all', '-lpos'], ['the command LPOS']],
    ['keys of one kind', ['~{spec}:[^u]*', '&*', '+@all'], ['the key {spec}:uncertain']],
    [
      'writing to keys of one kind',
      ['~{spec}:[^u]*', '%R~{spec}:u*', '&*', '+@all'],
      ['the key {spec}:uncertain'],
    ],
    [
      'the channels of another prefix',
      ['~*', '&{rekey}:*', '+@all'],
      ['bulk-changed', 'events', 'hints', 'registry-written', 'rotation-ended'].flatMap((name) => [
        `PUBLISH on the channel {spec}:${name}`,
        `SUBSCRIBE on the channel {spec}:${name}`,
      ]),
    ],
    ['scripts', ['~*', '&*', '+@all', '-eval'], ['the command EVAL']],
    ['scripts that are named by their digest', ['~*', '&*', '+@all', '-evalsha'], ['the command EVALSHA']],
  ])('names what is missing: %s', async (_what, rules, missing) => {
    expect((await missingOf(...rules)).toSorted()).toEqual(missing.toSorted());
  });

  it('asks of a gateway only to read published records', async () => {
    const rules = ['~{spec}:[^ac]*', '%R~{spec}:a*', '%R~{spec}:c*', '&*', '+@all'];
    const written = 'assistant:* accepted acks* activity adopted:* changes:* checks* consumers'.split(' ');
    const writing = written.map((name) => `~{spec}:${name}`);
    expect(await missingAs('gateway', [...rules, ...writing])).toEqual([]);
    expect(await missingAs('worker', [...rules, ...writing])).toEqual(
      expect.arrayContaining(['the key {spec}:current:x']),
    );
    const blind = await missingAs('gateway', ['~{spec}:[^c]*', ...writing, '&*', '+@all']);
    expect(blind).toEqual(['the key {spec}:configured', 'the key {spec}:current:x']);
  });

  it('asks for each command of a script with as many arguments as it takes', async () => {
    const names = new Set(commandNames.flatMap((name) => rightsOf(commandText(name)).commands));
    const infos = (await admin.call('COMMAND', 'INFO', ...names)) as [name: string, arity: number][];
    const wrong = infos.filter(([name, arity]) => {
      const words = 1 + argumentsOf(name.toUpperCase(), 'k').length;
      return arity < 0 ? words < -arity : words !== arity;
    });
    expect(wrong.map(([name]) => name)).toEqual([]);
  });

  it('knows the commands of all scripts of BullMQ', () => {
    const folder = join(dirname(createRequire(import.meta.url).resolve('bullmq')), '../esm/scripts');
    const texts = readdirSync(folder)
      .filter((name) => name.endsWith('.js'))
      .map((name) => readFileSync(join(folder, name), 'utf8'));
    const called = texts.flatMap((text) =>
      [...text.matchAll(/(?:\brcall|redis\.p?call)\(\s*['"](\w+)/g)].map(([, name]) => name!.toUpperCase()),
    );
    expect([...new Set(called)].toSorted()).toEqual(BULL_COMMANDS);
  });
});

describe('a user who may only read acknowledgements', () => {
  it.each(['{spec}:acks', '{spec}:acks:billing'])('reads %s', async (acks) => {
    await admin.xadd(acks, '*', 'ack', 'text');
    const keys = ['%R~{spec}:acks*', '~{spec}:damaged'];
    await admin.acl('SETUSER', 'limited', 'reset', 'on', '>word', ...keys, '+@all');
    const limited = new Redis(server.url, { username: 'limited', password: 'word' });
    try {
      const entries = await createStreamReader(limited, 'spec')(acks, beginReading('0-0'));
      expect(entries).toMatchObject([{ text: 'text', proof: '' }]);
    } finally {
      limited.disconnect();
      await admin.del(acks);
    }
  });
});

describe('rightsOf', () => {
  it('finds commands and keys in the text of a script, and none in its comments', () => {
    const lua = `-- write('SADD', PREFIX .. ':orgs', 'x')
read('GET', KEYS[1])
if redis.pcall('HGET', PREFIX .. ':assistant:' .. id, 'holder') then
  write('ZADD', PREFIX .. ':checks', 1, id)
end
local kept, seen = PREFIX .. ':kept', read('GET', PREFIX .. ':checks')
redis.pcall('PUBLISH', PREFIX .. ':' .. channel, id)`;
    expect(rightsOf(lua)).toEqual({
      commands: ['GET', 'HGET', 'ZADD'],
      keys: [':checks', ':kept'],
      readKeys: [':assistant:x'],
    });
  });
});
