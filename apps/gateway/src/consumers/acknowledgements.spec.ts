import { describe, expect, it } from '@jest/globals';
import type { ConsumerPositions, Consumers } from '@rekey/ledger';
import type { AcknowledgementState, RekeyError } from '@rekey/schema';
import { createAcknowledgements } from './acknowledgements.ts';

/** The consumers that have a state exist; others do not. */
const acknowledgementsOf = (states: Record<string, AcknowledgementState>) =>
  createAcknowledgements({
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
    positionsRead: Promise.resolve(),
  });
const require = (
  states: Record<string, AcknowledgementState>,
  names: string[],
): Promise<RekeyError | undefined> =>
  acknowledgementsOf(states)
    .require(names, AbortSignal.abort())
    .then(
      () => undefined,
      (error: RekeyError) => error,
    );

describe('required consumers', () => {
  it('are listed with their states if they have not acknowledged', async () => {
    const error = await require({ billing: 'GONE', crm: 'PENDING', sso: 'ACKNOWLEDGED', web: 'UNAPPLIED' }, [
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

  it('are listed up to ten', async () => {
    const names = Array.from({ length: 100 }, (_, i) => `consumer-${i}`);
    const error = await require({}, names);
    expect(error!.message).toMatch(/: consumer-0 \(NOT_FOUND\), .*consumer-9 \(NOT_FOUND\), and 90 more\.$/);
    expect(error!.metadata).toEqual({ consumers: names.slice(0, 10).join(','), consumer_count: '100' });
  });

  it('are not listed once they have acknowledged', async () => {
    expect(await require({ sso: 'ACKNOWLEDGED' }, ['sso'])).toBeUndefined();
  });
});

describe('a named consumer of a wait', () => {
  const rotation = { id: 'rot_1', orgId: 'org_2', entry: '1-0', assistantId: 'ast_1', version: 1 } as never;

  it.each([
    ['nobody', 'CONSUMER_NOT_FOUND'],
    ['billing', 'CONSUMER_MAY_NOT_READ'],
  ])('is refused by name: %s', async (name, code) => {
    const waiting = acknowledgementsOf({ billing: 'PENDING' }).wait(rotation, [name], AbortSignal.abort());
    await expect(waiting).rejects.toMatchObject({
      code,
      message: expect.stringMatching(new RegExp(`: ${name}\\.$`)),
      metadata: { consumers: name },
    });
  });
});
