import { describe, expect, it } from '@jest/globals';
import type { ConsumerPositions, Consumers, Registry } from '@rekey/ledger';
import { nextUlid } from '@rekey/runtime';
import { RekeyError, type AcknowledgementState } from '@rekey/schema';
import { createAcknowledgements } from './acknowledgements.ts';

type States = Record<string, AcknowledgementState>;
/** The consumers that have a state exist, and may read org_1; others do not. */
const registryOf = (states: States, more: Partial<Registry> = {}): Registry =>
  ({
    look: async () => {},
    untrusted: () => undefined,
    requireTrusted: () => {},
    list: () => ({
      consumers: Object.keys(states).map((name) => ({ consumer: { name, orgs: ['org_1'] } })),
    }),
    get: (name: string) => (states[name] === undefined ? undefined : { consumer: { name, orgs: ['org_1'] } }),
    lost: () => [],
    ...more,
  }) as unknown as Registry;
const acknowledgementsOf = (states: States, registry = registryOf(states)) =>
  createAcknowledgements({
    registry,
    consumers: { lastEntry: async () => '1-0' } as unknown as Consumers,
    positions: {
      reach: (name: string) => states[name] ?? 'ACKNOWLEDGED',
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

  it('read as missing ones for a caller that may not know of them', async () => {
    const error = await acknowledgementsOf({ billing: 'ACKNOWLEDGED' })
      .require(['billing', 'nobody'], AbortSignal.abort(), () => false)
      .catch((refusal: RekeyError) => refusal);
    expect(error).toMatchObject({
      code: 'CONSUMERS_MISSING',
      message: expect.stringContaining(': billing (NOT_FOUND), nobody (NOT_FOUND).'),
    });
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

describe('a named consumer of other orgs', () => {
  it('does not exist for a caller that may not know of it', async () => {
    const rotation = { id: 'rot_1', orgId: 'org_2', entry: '1-0', assistantId: 'ast_1', version: 1 } as never;
    const { wait } = acknowledgementsOf({ billing: 'PENDING' });
    const waiting = wait(rotation, ['billing'], AbortSignal.abort(), ({ orgs }) => !orgs.includes('org_1'));
    await expect(waiting).rejects.toMatchObject({ code: 'CONSUMER_NOT_FOUND' });
  });
});

describe('a consumer whose entry is lost', () => {
  const rotation = {
    id: 'rot_1',
    orgId: 'org_1',
    entry: '1-0',
    assistantId: 'ast_1',
    version: 1,
    state: 'SUCCEEDED',
  } as never;
  const of = (states: States, more: Partial<Registry>) =>
    acknowledgementsOf(states, registryOf(states, more));

  it('counts as UNAPPLIED, whatever its instances report', async () => {
    const acknowledgements = of({ billing: 'ACKNOWLEDGED' }, { lost: () => ['crm'] });
    expect(await acknowledgements.of(rotation)).toEqual([
      { consumer: 'billing', state: 'ACKNOWLEDGED' },
      { consumer: 'crm', state: 'UNAPPLIED' },
    ]);
    const waited = await acknowledgements.wait(rotation, [], AbortSignal.abort());
    expect(waited).toContainEqual({ consumer: 'crm', state: 'UNAPPLIED' });
    await expect(acknowledgements.require(['crm'], AbortSignal.abort())).rejects.toMatchObject({
      message: expect.stringContaining('crm (UNAPPLIED)'),
    });
  });

  it('is every named one while the registry is not believed; a wait for all is refused', async () => {
    const untrusted = (code: 'REGISTRY_UNTRUSTED' | 'REGISTRY_KEY_MISSING') =>
      of(
        {},
        {
          untrusted: () => code,
          requireTrusted: () => {
            throw new RekeyError(code);
          },
        },
      );
    const acknowledgements = untrusted('REGISTRY_UNTRUSTED');
    expect(await acknowledgements.of(rotation)).toEqual([]);
    expect(await acknowledgements.wait(rotation, ['billing'], AbortSignal.abort())).toEqual([
      { consumer: 'billing', state: 'UNAPPLIED' },
    ]);
    await expect(acknowledgements.wait(rotation, [], AbortSignal.abort())).rejects.toMatchObject({
      code: 'REGISTRY_UNTRUSTED',
    });
    await expect(
      untrusted('REGISTRY_KEY_MISSING').wait(rotation, ['billing'], AbortSignal.abort()),
    ).rejects.toMatchObject({ code: 'REGISTRY_KEY_MISSING' });
  });
});

describe('a rotation whose entry is older than its id', () => {
  it('is not acknowledged if another client has changed its record', async () => {
    const id = `rot_${nextUlid()}`;
    const published = { id, orgId: 'org_1', assistantId: 'ast_1', version: 1, state: 'SUCCEEDED' };
    const { of, ofBulk } = acknowledgementsOf({ billing: 'ACKNOWLEDGED' });
    const billing = (state: AcknowledgementState) => [{ consumer: 'billing', state }];
    expect(await of({ ...published, entry: '1-0' } as never)).toEqual(billing('UNAPPLIED'));
    expect(await ofBulk({ ...published, entry: '1-0' } as never)).toEqual(billing('UNAPPLIED'));
    const entry = `${Date.now()}-0`;
    expect(await of({ ...published, entry } as never)).toEqual(billing('ACKNOWLEDGED'));
    // A gateway in a wrong time zone has made the id.
    const later = `rot_${nextUlid(Date.now() + 14 * 3_600_000)}`;
    expect(await of({ ...published, id: later, entry } as never)).toEqual(billing('ACKNOWLEDGED'));
  });
});
