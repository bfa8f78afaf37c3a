import { describe, expect, it } from '@jest/globals';
import type { ConsumerPositions, Consumers } from '@rekey/ledger';
import type { AcknowledgementState, RekeyError } from '@rekey/schema';
import { createConsumersReach } from './consumer-reach.ts';

/** Consumers of which it is known how far they are; the others are not there. */
const reachOf = (states: Record<string, AcknowledgementState>) =>
  createConsumersReach({
    consumers: {
      list: async () => ({
        consumers: Object.keys(states).map((name) => ({ consumer: { name, orgs: ['org_1'] } })),
      }),
      get: async (name: string) =>
        states[name] === undefined ? undefined : { consumer: { name, orgs: ['org_1'] } },
      lastEntry: async () => '1-0',
    } as unknown as Consumers,
    positions: {
      reach: (name: string) => states[name] ?? 'GONE',
      onChange: () => () => {},
    } as unknown as ConsumerPositions,
    begun: Promise.resolve(),
  });
const demand = (
  states: Record<string, AcknowledgementState>,
  names: string[],
): Promise<RekeyError | undefined> =>
  reachOf(states)
    .demand(names, AbortSignal.abort())
    .then(
      () => undefined,
      (error: RekeyError) => error,
    );

describe('consumers that are demanded', () => {
  it('are listed with their positions when they have not acknowledged', async () => {
    const error = await demand({ billing: 'GONE', crm: 'PENDING', sso: 'ACKNOWLEDGED', web: 'UNAPPLIED' }, [
      'billing',
      'crm',
      'sso',
      'web',
      'nobody',
    ]);
    expect(error).toMatchObject({
      code: 'CONSUMERS_MISSING',
      message:
        'A required consumer is not live or has not caught up: ' +
        'billing (GONE), crm (PENDING), web (UNAPPLIED), nobody (NOT_FOUND).',
      metadata: { consumers: 'billing,crm,web,nobody', consumer_count: '4' },
    });
  });

  it('are named as far as ten go', async () => {
    const names = Array.from({ length: 100 }, (_, i) => `consumer-${i}`);
    const error = await demand({}, names);
    expect(error!.message).toMatch(/: consumer-0 \(NOT_FOUND\), .*consumer-9 \(NOT_FOUND\), and 90 more\.$/);
    expect(error!.metadata).toEqual({ consumers: names.slice(0, 10).join(','), consumer_count: '100' });
  });

  it('are not listed once they have acknowledged', async () => {
    expect(await demand({ sso: 'ACKNOWLEDGED' }, ['sso'])).toBeUndefined();
  });
});

describe('a consumer that is waited for by name', () => {
  const rotation = { id: 'rot_1', orgId: 'org_2', entry: '1-0', assistantId: 'ast_1', version: 1 } as never;

  it.each([
    ['nobody', 'CONSUMER_NOT_FOUND'],
    ['billing', 'CONSUMER_MAY_NOT_READ'],
  ])('is named where it cannot be: %s', async (name, code) => {
    const waiting = reachOf({ billing: 'PENDING' }).wait(rotation, [name], AbortSignal.abort());
    await expect(waiting).rejects.toMatchObject({
      code,
      message: expect.stringMatching(new RegExp(`: ${name}\\.$`)),
      metadata: { consumers: name },
    });
  });
});
