import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { ledgerKeys } from '@rekey/ledger';
import { repositoryRoot } from '@rekey/testing';
import { describeIf, succeeds } from '../support/describe-if.ts';
import { ledgerOf } from '../support/ledger.ts';
import { eventually, type System } from '../support/system.ts';
import { addConsumer, type AddedConsumer } from '../consumers/python-consumer.ts';
import { ODD, readerOf, startPythonSystem } from '../consumers/python-system.ts';

const PHP = '/usr/bin/php';
const describePhp = describeIf(
  succeeds(
    PHP,
    [
      '-r',
      "exit(extension_loaded('openssl') && extension_loaded('redis') && extension_loaded('sodium') ? 0 : 1);",
    ],
    'examples/php/consumer.php needs php-cli and php-redis',
  ),
);

interface Answer {
  hash?: string;
  version?: number;
  uncertain?: boolean;
  age_ms?: number;
  error?: string;
}

describePhp('consumer.php', () => {
  let system: System;
  let billing: AddedConsumer;
  let stop: () => Promise<void>;
  const started: ChildProcess[] = [];
  beforeAll(async () => {
    ({ system, billing, stop } = await startPythonSystem());
    await eventually(
      async () => (await ledgerOf(system).consumers.get('billing'))?.consumer.state,
      (state) => state === 'ACTIVE',
    );
  });
  afterEach(() => {
    for (const child of started.splice(0)) child.kill('SIGKILL');
  });
  afterAll(() => stop());
  const { current, trueHash } = readerOf(() => system);

  const start = ({ name, keyFile }: AddedConsumer) => {
    const child = spawn(PHP, [join(repositoryRoot, 'examples/php/consumer.php'), name, keyFile, '50'], {
      env: { REDIS_URL: system.redisServer.url },
    });
    started.push(child);
    let complaints = '';
    child.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString()));
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const sign = async (assistantId: string): Promise<Answer> => {
      child.stdin.write(`sign ${assistantId} user 42\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`consumer.php ended:\n${complaints}`);
      return JSON.parse(value) as Answer;
    };
    const expectValid = async (assistantId: string) => {
      const hash = await trueHash(assistantId, 'user 42');
      await eventually(
        () => sign(assistantId),
        (answer) => answer.hash === hash,
      );
    };
    return { child, sign, expectValid, complaints: () => complaints };
  };
  /** Signs by another current record. Sweeps repair it within a second, so it is set each time. */
  const signBy = async (php: { sign(id: string): Promise<Answer> }, assistantId: string, text: string) => {
    await system.redis.set(ledgerKeys('rekey').current(assistantId), text);
    return php.sign(assistantId);
  };

  it.each(['X25519', 'P-256', 'shared'] as const)('signs with the newest key: %s', async (type) => {
    const added = await addConsumer(system, `php-${type.toLowerCase()}`, { type });
    const { sign, expectValid, complaints } = start(added);
    await expectValid('ast_1');
    await expectValid(ODD);
    const { version } = await sign('ast_1');
    await system.rotateAndWait('ast_1');
    await expectValid('ast_1');
    expect((await sign('ast_1')).version).toBeGreaterThan(version!);
    expect(await sign('ast_999')).toEqual({ error: 'no key of this assistant is known' });
    expect(complaints()).toBe('');
  });

  it('says that a key is uncertain or removed', async () => {
    const { sign } = start(billing);
    const before = await sign('ast_3');
    await system.admin('POST', '/faults', {
      assistantId: 'ast_3',
      kind: 'failBefore',
      on: 'get',
      status: 503,
      times: 0,
    });
    await system.admin('POST', '/faults', { assistantId: 'ast_3', kind: 'loseResponseAfterCommit' });
    await system.rotate('ast_3');
    const { hash, version } = await eventually(
      () => sign('ast_3'),
      ({ uncertain }) => uncertain === true,
    );
    expect({ hash, version }).toEqual({ hash: before.hash, version: before.version });
    await system.admin('DELETE', '/faults');
    await system.admin('PATCH', '/assistants/ast_4', { deleted: true });
    await eventually(
      () => sign('ast_4'),
      ({ error }) => error === 'the key of this assistant was removed: deleted',
    );
  });

  it('keeps the key that it holds if a record is forged, moved or older, and reports it', async () => {
    const php = start(billing);
    const { sign, expectValid, complaints } = php;
    const older = JSON.stringify(await current('ast_5'));
    await system.rotateAndWait('ast_5');
    await expectValid('ast_5');
    const genuine = JSON.stringify(await current('ast_5'));
    const moved = JSON.stringify(await current('ast_6'));
    const before = await sign('ast_5');
    const forged = genuine.replaceAll(/"proof":"./g, '"proof":"_');
    for (const [text, why] of [
      [older, 'it is older than the key that is held'],
      [moved, 'it is stored in place of another event'],
      [forged, 'its proof is wrong: it does not come from Rekey'],
      ['{', 'it is not an event'],
    ] as const) {
      const answer = await eventually(
        () => signBy(php, 'ast_5', text),
        () => complaints().includes(`["ast_5",${JSON.stringify(why)}]`),
      );
      expect(answer.hash).toBe(before.hash);
      // A sweep that repairs the record may publish the same key under a new version.
      expect(answer.version).toBeGreaterThanOrEqual(before.version!);
    }
    expect(complaints()).not.toContain('sk_');
  });

  it('stops if the record is newer and not sealed for it, and signs again when it is', async () => {
    const php = start(billing);
    const { expectValid } = php;
    await expectValid('ast_6');
    const genuine = await current('ast_6');
    const { data } = genuine;
    const sealed = { ...data.sealed, recipients: data.sealed.recipients.slice(0, 1) };
    const foreign = { ...genuine, data: { ...data, version: data.version + 1, sealed } };
    await eventually(
      () => signBy(php, 'ast_6', JSON.stringify(foreign)),
      ({ error }) => error === 'its record is not sealed for this consumer',
    );
    await signBy(php, 'ast_6', JSON.stringify(genuine));
    await expectValid('ast_6');
    expect((await php.sign('ast_6')).version).toBe(genuine.data.version);
  });

  it('signs while Redis does not answer, and says how old the key is', async () => {
    const { child, sign, expectValid } = start(billing);
    await expectValid('ast_2');
    await system.redisServer.stop();
    const { hash } = await eventually(
      () => sign('ast_2'),
      ({ age_ms: ageMs }) => ageMs! > 50,
    );
    expect(hash).toBe(await trueHash('ast_2', 'user 42'));
    child.stdin.end();
    expect((await once(child, 'close'))[0]).toBe(0);
    await system.redisServer.restart();
  });
});
