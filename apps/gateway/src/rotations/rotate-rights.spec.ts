import { describe, expect, it } from '@jest/globals';
import type { StatusObject } from '@grpc/grpc-js';
import { rightsOf } from '@rekey/access';
import { readStatusDetails } from '@rekey/rpc';
import { KEY_ROTATED } from '@rekey/schema';
import type { Access } from '../access/guard-calls.ts';
import { call, useServices } from '../services-fixture.ts';

const fixture = useServices();
const NAME = 'dns:billing.example.com';

const SEALED = { protected: 'p', recipients: [], iv: 'i', ciphertext: 'c', tag: 't' };
const TIME = '2023-11-14T22:13:20.000Z';
/** What is published of the assistant. */
const CURRENT = JSON.stringify({
  specversion: '1.0',
  id: '7',
  source: '/orgs/org_2/assistants/ast_1',
  type: KEY_ROTATED,
  subject: 'ast_1',
  time: TIME,
  datacontenttype: 'application/json',
  data: {
    seq: 1,
    version: 7,
    rotation_id: null,
    bulk_rotation_id: null,
    cause: 'drift',
    updated_at: TIME,
    fingerprint: 'K:f',
    sealed: SEALED,
  },
});

/** A rotator of some orgs, and a viewer of others. */
const accessOf = (rotates: string[], views: string[] = ['org_none']): Access => {
  const principals = [NAME];
  const names = new Set(principals);
  const bindings = [
    { principals, role: 'rotator' as const, orgs: rotates },
    { principals, role: 'viewer' as const, orgs: views },
  ];
  const rights = rightsOf({ bindings }, names);
  return {
    admit: () => ({ caller: { name: NAME, names, expiresMs: Infinity }, rights: () => rights }),
    guard: () => undefined,
    rightsOf: () => rights,
    close: () => {},
  };
};

/** Requests a rotation of an assistant that was last published under `org_2`; its org, or the reason. */
const rotate = async (access: Access, orgId = 'org_1', isReadable = true): Promise<string> => {
  fixture.access = access;
  if (isReadable) await fixture.redis.hset(fixture.ledger.keys.assistant('ast_1'), 'org', 'org_2');
  const { RotateSecretKey } = fixture.services.RotationService;
  const request = { orgId, assistantId: 'ast_1', requestId: '', reason: '' };
  return call(RotateSecretKey, request).then(
    (rotation) => rotation.orgId,
    (error: StatusObject) => readStatusDetails(error as never).reason!,
  );
};

describe('RotateSecretKey of an assistant that was last published under another org', () => {
  it.each<[what: string, access: Access, expected: string]>([
    ['accepts it of a rotator of every org', accessOf(['*']), 'org_1'],
    ['accepts it of a rotator of both orgs', accessOf(['org_1', 'org_2']), 'org_1'],
    ['is not permitted to who may only see the other org', accessOf(['org_1'], ['org_2']), 'NOT_PERMITTED'],
    ['does not exist for who may not see the other org', accessOf(['org_1']), 'ASSISTANT_NOT_FOUND'],
  ])('%s', async (_, access, expected) => {
    expect(await rotate(access)).toBe(expected);
    const open = await fixture.ledger.rotations.list({}, { size: 10, sees: () => true });
    expect(open.rotations).toHaveLength(expected === 'org_1' ? 1 : 0);
  });

  it.each<[what: string, entry: string | undefined, access: Access, expected: string, checks: string[]]>([
    ['does not exist, and is not checked', 'x', accessOf(['org_1']), 'ASSISTANT_NOT_FOUND', []],
    ['is corrupt, and checked', 'x', accessOf(['org_1', 'org_2']), 'LEDGER_CORRUPT', ['org_1/ast_1']],
    ['does not exist either', undefined, accessOf(['org_1']), 'ASSISTANT_NOT_FOUND', []],
    ['is checked', undefined, accessOf(['org_1', 'org_2']), 'LEDGER_CORRUPT', ['org_1/ast_1']],
    ['is accepted of a rotator of every org', undefined, accessOf(['*']), 'org_1', []],
  ])('%s if its entry is lost or cannot be read', async (_, entry, access, expected, checks) => {
    fixture.current = { event: CURRENT };
    await fixture.redis.set(fixture.ledger.keys.current('ast_1'), CURRENT);
    if (entry !== undefined) await fixture.redis.set(fixture.ledger.keys.assistant('ast_1'), entry);
    expect(await rotate(access, 'org_1', false)).toBe(expected);
    expect(await fixture.redis.zrange(fixture.ledger.keys.checks, '0', '-1')).toEqual(checks);
  });

  it('is not permitted under the other org alone', async () => {
    expect(await rotate(accessOf(['org_1']), 'org_2')).toBe('NOT_PERMITTED');
  });
});
