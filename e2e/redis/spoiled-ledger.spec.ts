import { expect, it } from '@jest/globals';
import { useCleanup } from '../support/cleanup.ts';
import { eventually, startSystem } from '../support/system.ts';

const cleanUp = useCleanup();

it('a worker that starts waits while its ledger is of another type, and works once mended', async () => {
  const system = await startSystem({ timing: { REKEY_SWEEP_EVERY_MS: '3600000' } });
  cleanUp(() => system.stop());
  const { redis } = system;
  /** For how long a worker has been connected, in seconds. */
  const workerAgeS = async () =>
    Number(/name=rekey:worker\S* age=(\d+)/.exec((await redis.client('LIST')) as string)?.[1] ?? -1);
  await system.rotateAndWait('ast_1');
  await system.worker!.child.kill();
  await eventually(workerAgeS, (age) => age === -1);
  const ledger = await redis.dumpBuffer('{rekey}:ledger');
  await redis.del('{rekey}:ledger');
  await redis.rpush('{rekey}:ledger', 'x');

  const starting = system.startWorker();
  await eventually(workerAgeS, (age) => age >= 3);
  expect((await system.client.getStatus()).attention).toContainEqual(
    expect.objectContaining({ code: 'LEDGER_DAMAGED', subject: '{rekey}:ledger' }),
  );
  await redis.restore('{rekey}:ledger', 0, ledger, 'REPLACE');
  expect((await starting).output()).toContain('"event":"ledger_damaged"');
  expect(await system.rotateAndWait('ast_2')).toMatchObject({ state: 'SUCCEEDED' });
});
