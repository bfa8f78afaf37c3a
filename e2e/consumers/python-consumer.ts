import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { Acknowledgement, type Consumer } from '@rekey/schema';
import {
  createAcknowledgementVerifier,
  generateConsumerKey,
  openGrant,
  parseOwnKey,
  parseVerifier,
  type ConsumerKeyType,
  type OwnKey,
  type SharedKeys,
} from '@rekey/sealing';
import { repositoryRoot } from '@rekey/testing';
import { describeIf, succeeds } from '../support/describe-if.ts';
import { ledgerOf } from '../support/ledger.ts';
import { eventually, type System } from '../support/system.ts';

/** The system's Python: Debian's packages are installed there. */
export const PYTHON = '/usr/bin/python3';

/** Whether Python can import these modules. Prints a warning if not. */
export const canImport = (modules: string[], packages: string): boolean =>
  succeeds(PYTHON, ['-c', `import ${modules.join(', ')}`], `this part of examples/python needs ${packages}`);

/** `describe`, or `describe.skip` if Python lacks a module. */
export const describeWith = (modules: string[], packages: string): ReturnType<typeof describeIf> =>
  describeIf(canImport(modules, packages));

/** `describe` for specs that run consumer.py. */
export const describeConsumer = describeWith(['redis', 'jwcrypto'], 'python3-redis and python3-jwcrypto');

export interface AddedConsumer {
  name: string;
  keyFile: string;
  own: OwnKey;
}

/** Creates a key file for a consumer and registers the consumer. A worker then grants its keys. */
export const addConsumer = async (
  system: System,
  name: string,
  { type = 'X25519', orgs = ['org_demo'] }: { type?: ConsumerKeyType; orgs?: string[] } = {},
): Promise<AddedConsumer> => {
  const jwk = await generateConsumerKey(type);
  const keyFile = join(dirname(system.keyFile), `${name}.json`);
  await writeFile(keyFile, JSON.stringify({ keys: [jwk, system.sealer.publicJwk] }), { mode: 0o600 });
  const { d: _private, k: _secret, ...publicJwk } = jwk;
  const entry = {
    name,
    orgs,
    state: 'PENDING',
    created_at: new Date().toISOString(),
    key: publicJwk,
    ...(type === 'shared' && {
      shared_key: JSON.parse(system.sealer.sealOwn(JSON.stringify(jwk), 'shared-key')) as unknown,
    }),
  };
  if (!(await ledgerOf(system).consumers.write(name, undefined, entry as Consumer)))
    throw new Error(`consumer ${name} exists`);
  return { name, keyFile, own: await parseOwnKey(jwk) };
};

/** The keys in the grant of a consumer. */
export const sharedKeysOf = async (system: System, { name, own }: AddedConsumer): Promise<SharedKeys> => {
  const seen = await ledgerOf(system).consumers.get(name);
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

/** A process that runs `examples/python/consumer.py`. */
export interface PythonConsumer {
  readonly instance: string;
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  /** Sends a line, and resolves with the answer. */
  ask(line: string): Promise<any>;
  status(): Promise<PythonStatus>;
  untilStatus(good: (status: PythonStatus) => boolean): Promise<PythonStatus>;
  sign(
    assistantId: string,
    userId: string,
  ): Promise<{ hash?: string; version?: number; uncertain?: boolean; error?: string }>;
  /** Its standard error so far. */
  complaints(): string;
  /** Sends SIGTERM. Resolves with the exit code. */
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

/** Resolves when the consumer is ready. */
export const startPythonConsumer = async (
  system: System,
  { name, keyFile }: AddedConsumer,
): Promise<PythonConsumer> => {
  const { child, exited, complaints } = spawnConsumer(system, name, keyFile);
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const next = async (): Promise<any> => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`consumer.py ended:\n${complaints()}`);
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

const streamOf = (name: string) => `{rekey}:acks:${name}`;

/** The texts of what a consumer has acknowledged, oldest first. Rejects if it has not signed one. */
export const acknowledgementTexts = async (
  { redis }: Pick<System, 'redis'>,
  name: string,
): Promise<string[]> => {
  const entry = await redis.hget('{rekey}:consumers', name);
  const { ack_key: ackKey = '' } = JSON.parse(entry ?? '{}') as { ack_key?: string };
  const entries = await redis.xrange(streamOf(name), '-', '+');
  return Promise.all(
    entries.map(async ([, [ack, text, proof, signature, ...more]]) => {
      const isSigned = await verifyAcknowledgement(text!, signature ?? '', ackKey);
      if (ack !== 'ack' || proof !== 'proof' || more.length > 0 || !isSigned)
        throw new Error(`this is no signed acknowledgement of ${name}`);
      return text!;
    }),
  );
};
const verifyAcknowledgement = createAcknowledgementVerifier();

/** The acknowledgements of an instance, of whichever consumer. Rejects if one breaks the contract. */
export const acknowledgementsOf = async (system: System, instance: string): Promise<Acknowledgement[]> => {
  const names = await system.redis.hkeys('{rekey}:consumers');
  const texts = await Promise.all(names.map((name) => acknowledgementTexts(system, name)));
  return texts
    .flat()
    .map((text) => Acknowledgement.strict().parse(JSON.parse(text)))
    .filter((ack) => ack.instance === instance);
};
