import { describe, expect, it } from '@jest/globals';
import { KEY_REMOVED, KEY_ROTATED, type KeyRemoved, type KeyRotated } from '@rekey/schema';
import { toProtoAssistant } from './assistant.ts';
import { T0_MS, t0 } from './times-fixture.ts';

describe('toProtoAssistant', () => {
  const SEALED = {
    protected: 'p',
    recipients: [],
    iv: 'i',
    ciphertext: 'c',
    tag: 't',
  };
  const envelope = {
    specversion: '1.0' as const,
    id: '7',
    source: '/orgs/org_1/assistants/ast_1',
    subject: 'ast_1',
    time: '2023-11-14T22:13:20.123Z',
    datacontenttype: 'application/json' as const,
  };
  const common = {
    seq: 1,
    rotation_id: null,
    bulk_rotation_id: null,
    version: 7,
    cause: 'drift' as const,
    updated_at: '2023-11-14T22:13:20.123Z',
  };
  const rotated: KeyRotated = {
    ...envelope,
    type: KEY_ROTATED,
    data: { ...common, fingerprint: 'K:f', sealed: SEALED },
  };

  it('shows a key', () => {
    expect(toProtoAssistant(rotated, undefined, { orgId: 'org_1', keyMs: T0_MS })).toEqual({
      assistantId: 'ast_1',
      version: 7,
      cause: 'DRIFT',
      rotationId: '',
      updateTime: t0,
      fingerprint: 'K:f',
      sealed: JSON.stringify(SEALED),
      uncertainTime: null,
      removal: 'REMOVAL_UNSPECIFIED',
      orgId: 'org_1',
      keyTime: t0,
      holders: [],
    });
  });

  it('shows a key with an unknown cause', () => {
    expect(
      toProtoAssistant({
        ...rotated,
        data: { ...rotated.data, cause: 'of a later version' },
      }),
    ).toMatchObject({ version: 7, cause: 'CAUSE_UNSPECIFIED' });
  });

  it('shows since when a key is uncertain', () => {
    expect(toProtoAssistant(rotated, T0_MS).uncertainTime).toEqual(t0);
  });

  it.each([
    ['no-key', 'NO_KEY'],
    ['deleted', 'DELETED'],
  ] as const)('shows that the key was removed: %s', (removal, wire) => {
    const removed: KeyRemoved = {
      ...envelope,
      type: KEY_REMOVED,
      data: { ...common, removal, fingerprint: null, sealed: SEALED },
    };
    expect(toProtoAssistant(removed)).toMatchObject({
      version: 7,
      removal: wire,
      fingerprint: '',
      sealed: JSON.stringify(SEALED),
    });
  });
});
