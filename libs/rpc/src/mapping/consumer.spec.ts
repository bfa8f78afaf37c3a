import { describe, expect, it } from '@jest/globals';
import { toProtoConsumer } from './consumer.ts';
import { T0_MS } from './times-fixture.ts';

describe('toProtoConsumer', () => {
  const entry = {
    name: 'billing',
    orgs: ['*'],
    state: 'ACTIVE' as const,
    created_at: '2023-11-14T22:13:20.123Z',
    key: { kty: 'OKP', crv: 'X25519', kid: 'k' },
  };
  const instance = {
    instance: 'i',
    lease_ms: 1000,
    position: '5-0',
    seq: 5,
    keys: 2,
    unapplied: { count: 0, first: [] },
    leaving: false,
    live: true,
    heardMs: T0_MS,
  };

  it('shows what an instance refused, and zero if it does not report that', () => {
    const refused = {
      count: 3,
      first: [{ assistant_id: 'ast_1', version: 7, why: 'forged' }],
    };
    const [one, silent] = toProtoConsumer(entry, [{ ...instance, refused }, instance]).instances!;
    expect(one).toMatchObject({
      refusedCount: 3,
      refused: [{ assistantId: 'ast_1', version: 7, why: 'forged' }],
      unappliedCount: 0,
    });
    expect(silent).toMatchObject({ refusedCount: 0, refused: [] });
  });
});
