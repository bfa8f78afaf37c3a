import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { createConsumers } from '@rekey/ledger';
import { Acknowledgement, type Consumer } from '@rekey/schema';
import {
  generateConsumerKey,
  openGrant,
  parseOwnKey,
  parseVerifier,
  type ConsumerKeyType,
  type OwnKey,
  type SharedKeys,
} from '@rekey/sealing';
import { repositoryRoot } from '@rekey/testing';
import { eventually, type System } from '../support/system.ts';

/** The system's own Python: that is where Debian's packages are. */
export const PYTHON = '/usr/bin/python3';

/** Whether modules can be imported; says so where they cannot. */
export const canImport = (modules: string[], packages: string): boolean => {
  try {
    execFileSync(PYTHON, ['-c', `import ${modules.join(', ')}`], { stdio: 'ignore' });
    return true;
  } catch {
    console.warn(`Skipped: this part of examples/python needs ${packages}.`);
    return false;
  }
};

export interface AddedConsumer {
  name: string;
  keyFile: string;
  own: OwnKey;
}

/** Makes a consumer's key file, and adds the consumer. A worker then grants it its keys. */
export const addConsumer = async (
  system: System,
  name: string,
  { type = 'X25519', orgs = ['org_demo'] }: { type?: ConsumerKeyType; orgs?: string[] } = {},
): Promise<AddedConsumer> => {
  const jwk = await generateConsumerKey(type);
  const keyFile = join(dirname(system.keyFile), `${name}.json`);
  await writeFile(keyFile, JSON.stringify({ keys: [jwk, system.sealer.publicJwk] }), { mode: 0o600 });
  const { d: _private, k: _secret, ...shown } = jwk;
  const entry = {
    name,
    orgs,
    state: 'PENDING',
    created_at: new Date().toISOString(),
    key: shown,
    ...(type === 'shared' && { shared_key: JSON.parse(system.sealer.seal(JSON.stringify(jwk))) as unknown }),
  };
  if (
    !(await createConsumers({ redis: system.redis, prefix: 'rekey' }).write(
      name,
      undefined,
      entry as Consumer,
    ))
  )
    throw new Error(`${name} is there already`);
  return { name, keyFile, own: await parseOwnKey(jwk) };
};

/** The keys that Rekey shares with a consumer which has its grant. */
export const sharedKeysOf = async (system: System, { name, own }: AddedConsumer): Promise<SharedKeys> => {
  const seen = await createConsumers({ redis: system.redis, prefix: 'rekey' }).get(name);
  return openGrant(seen!.consumer.grant!, {
    consumer: name,
    own,
    verifiers: [parseVerifier(system.sealer.publicJwk)],
  });
};

export interface PythonStatus {
  instance: string;
  state: string;
  problem: string | null;
  position: string;
  seq: number;
  keys: number;
  uncertain: number;
  refused: number;
  unreadable: number;
  skipped: number;
  snapshots: number;
  unapplied: Acknowledgement['unapplied'];
}

/** `examples/python/consumer.py`, as a user runs it. */
export interface PythonConsumer {
  readonly instance: string;
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  /** Its answer to a line. */
  ask(line: string): Promise<any>;
  status(): Promise<PythonStatus>;
  untilStatus(good: (status: PythonStatus) => boolean): Promise<PythonStatus>;
  sign(
    assistantId: string,
    userId: string,
  ): Promise<{ hash?: string; version?: number; uncertain?: boolean; error?: string }>;
  /** What it has written on stderr. */
  complaints(): string;
  /** SIGTERM; resolves with its exit code. */
  stop(): Promise<number | null>;
}

const spawned = new Set<ChildProcess>();
export const killPythonConsumers = (): void => {
  for (const child of spawned) child.kill('SIGKILL');
};

export const spawnConsumer = (
  system: System,
  name: string,
  keyFile: string,
): { child: ChildProcess; exited: Promise<number | null>; complaints(): string } => {
  const child = spawn(
    PYTHON,
    [join(repositoryRoot, 'examples/python/consumer.py'), name, '--key-file', keyFile],
    {
      env: { PATH: process.env['PATH'], REDIS_URL: system.redisServer.url, PYTHONDONTWRITEBYTECODE: '1' },
    },
  );
  spawned.add(child);
  let text = '';
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const exited = once(child, 'close').then(([code]) => {
    spawned.delete(child);
    return code as number | null;
  });
  return { child, exited, complaints: () => text };
};

/** Resolves when it says that it is ready. */
export const startPythonConsumer = async (
  system: System,
  { name, keyFile }: AddedConsumer,
): Promise<PythonConsumer> => {
  const { child, exited, complaints } = spawnConsumer(system, name, keyFile);
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const next = async (): Promise<any> => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`consumer.py has ended:\n${complaints()}`);
    return JSON.parse(value as string);
  };
  const ask = (line: string) => {
    child.stdin!.write(`${line}\n`);
    return next();
  };
  const { instance } = await next();
  return {
    instance,
    child,
    exited,
    ask,
    status: () => ask('status'),
    untilStatus: (good) => eventually(() => ask('status') as Promise<PythonStatus>, good),
    sign: (assistantId, userId) => ask(`sign ${assistantId} ${userId}`),
    complaints,
    stop: () => {
      child.kill('SIGTERM');
      return exited;
    },
  };
};

/** All that consumers have reported, oldest first. */
export const acknowledgementTexts = async ({ redis }: Pick<System, 'redis'>): Promise<string[]> =>
  (await redis.xrange('{rekey}:acks', '-', '+')).map(([, fields]) => {
    if (fields.length !== 2 || fields[0] !== 'ack')
      throw new Error(`fields of an acknowledgement: ${fields.join()}`);
    return fields[1]!;
  });

/** What an instance has reported. Throws where anything is not as the contract says. */
export const acknowledgementsOf = async (system: System, instance: string): Promise<Acknowledgement[]> =>
  (await acknowledgementTexts(system))
    .map((text) => Acknowledgement.strict().parse(JSON.parse(text)))
    .filter((ack) => ack.instance === instance);
