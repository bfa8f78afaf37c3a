import { describe, expect, it } from '@jest/globals';
import type { CreateRotationPolicyRequest__Output } from '@rekey/rpc';
import { MAX_POLICY_ASSISTANTS, type RekeyError } from '@rekey/schema';
import { collectPolicy, policyReader } from './policy-requests.ts';

type Message = CreateRotationPolicyRequest__Output;
const nothing: Message = {
  orgId: '',
  requestId: '',
  reason: '',
  assistantIds: [],
  allAssistants: false,
  everyDays: 0,
  window: null,
  maxFailures: null,
};
const first = (more: Partial<Message> = {}): Message => ({
  ...nothing,
  orgId: 'org_1',
  everyDays: 90,
  allAssistants: true,
  ...more,
});
const named = (...assistantIds: string[]): Message => first({ allAssistants: false, assistantIds });
const read = async (...messages: Message[]) => {
  const reader = policyReader();
  const parts = async function* () {
    for (const message of messages) yield reader.read(message);
    reader.end();
  };
  return collectPolicy(parts());
};
const violations = (...messages: Message[]): Promise<string[]> =>
  read(...messages).then(
    () => [],
    ({ fieldViolations }: RekeyError) => fieldViolations.map(({ field }) => field),
  );

describe('a policy that is read from a stream', () => {
  it('has defaults for what was not given', async () => {
    expect(await read(first())).toEqual({
      assistantIds: undefined,
      spec: {
        orgId: 'org_1',
        reason: '',
        everyDays: 90,
        window: { cron: '0 2 * * *', timeZone: 'UTC', lengthMs: 4 * 3_600_000 },
        maxFailures: { percent: 5 },
      },
    });
  });

  it('has the ids of all messages, each once', async () => {
    expect((await read(named('a', 'b'), { ...nothing, assistantIds: ['b', 'c'] })).assistantIds).toEqual([
      'a',
      'b',
      'c',
    ]);
  });

  it('counts a repeated id once, also for the limit', async () => {
    const most = Array.from({ length: MAX_POLICY_ASSISTANTS }, (_, i) => `ast_${i}`);
    expect((await read(named(...most), { ...nothing, assistantIds: most })).assistantIds).toHaveLength(
      MAX_POLICY_ASSISTANTS,
    );
    expect(await violations(named(...most), { ...nothing, assistantIds: ['more'] })).toEqual([
      'assistant_ids',
    ]);
  });

  it.each<[string[], Message[]]>([
    [['org_id'], []],
    [['org_id'], [first({ orgId: '' })]],
    [['assistant_ids'], [first({ allAssistants: false })]],
    [['assistant_ids'], [first({ assistantIds: ['a'] })]],
    [['assistant_ids'], [first(), { ...nothing, assistantIds: ['a'] }]],
    [['assistant_ids[1]'], [named('a', 'b/c')]],
    [['assistant_ids[2]'], [named('a', 'b'), { ...nothing, assistantIds: [''] }]],
    [['org_id'], [named('a'), named('b')]],
    [['every_days'], [first({ everyDays: 3651 })]],
    [['window.cron'], [first({ window: { cron: '0 2 1 1 *', timeZone: '', length: null } })]],
    [['window.time_zone'], [first({ window: { cron: '', timeZone: 'Nowhere', length: null } })]],
    [
      ['window.length'],
      [first({ window: { cron: '', timeZone: '', length: { seconds: '90000', nanos: 0 } } })],
    ],
    [['request_id'], [first({ requestId: '7' })]],
  ])('names the invalid fields: %j', async (fields, messages) => {
    expect(await violations(...messages)).toEqual(fields);
  });
});
