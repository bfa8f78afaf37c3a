import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { nextId, redis, request, rotate, useLedger } from '../ledger-fixture.ts';
import { openLedger, type Ledger } from '../open-ledger.ts';

const used = useLedger();

/** The rules of the user of a gateway, as the guide for operators has them. */
const rulesOfGuide = (): string[] => {
  const guide = readFileSync(new URL('../../../../docs/guides/operate.md', import.meta.url), 'utf8');
  const [, rules = ''] = /^ACL SETUSER rekey-gateway ([^`]+)/m.exec(guide) ?? [];
  return rules.trim().replaceAll('{rekey}', '{spec}').split(/\s+/);
};

const asGateway = async (act: (ledger: Ledger) => Promise<void>, ...more: string[]): Promise<void> => {
  await redis.call('ACL', 'SETUSER', 'gateway', 'reset', ...rulesOfGuide(), ...more);
  const limited = new Redis(used.url(), { username: 'gateway', password: 'PASSWORD' });
  try {
    await act(openLedger(limited, { prefix: 'spec' }));
  } finally {
    limited.disconnect();
    await redis.call('ACL', 'DELUSER', 'gateway');
  }
};

it('a gateway with the rights of the guide reads records, and adds acknowledgements', async () => {
  await rotate('f1');
  await asGateway(async ({ events }) => {
    expect(await events.records(['ast_1', 'ast_2'])).toMatchObject([
      { bytes: expect.any(Buffer) },
      { bytes: null },
    ]);
    for (const proof of [undefined, 'proof'])
      await events.acknowledge('billing', { ack: '{}', proof, runId: await events.runId() });
  });
});

it('a gateway with the rights of the guide accepts rotations of callers with rights in one org', async () => {
  await asGateway(async ({ rotations }) => {
    const accepting = rotations.accept(nextId(), request(), undefined, async () => {});
    await expect(accepting).resolves.toMatchObject({ created: true });
  });
});

it('a record that may not be read is not taken for one that does not exist', async () => {
  await rotate('f1');
  const others = ['resetkeys', '~{spec}:[^c]*'];
  await asGateway(
    async ({ events }) => {
      await expect(events.records(['ast_1'])).rejects.toThrow('NOPERM');
    },
    ...others,
  );
});
