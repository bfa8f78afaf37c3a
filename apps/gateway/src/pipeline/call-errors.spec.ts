import { describe, expect, it } from '@jest/globals';
import type { ServiceError } from '@grpc/grpc-js';
import { readStatusDetails } from '@rekey/rpc';
import { call, useServices } from '../services-fixture.ts';
import { toCallError } from './call-errors.ts';

const fixture = useServices();

describe('an error', () => {
  it.each<[string, () => Promise<unknown>, object]>([
    [
      'an unknown sweep',
      () => call(fixture.services.SweepService.GetSweep, { id: 'swp_01ARZ3NDEKTSV4RRFFQ69G5FAV' }),
      { sweep_id: 'swp_01ARZ3NDEKTSV4RRFFQ69G5FAV' },
    ],
    [
      'an unknown consumer',
      () => call(fixture.services.ConsumerService.GetConsumer, { name: 'billing' }),
      { consumer: 'billing' },
    ],
    [
      'an unknown policy',
      () =>
        call(fixture.services.RotationPolicyService.GetRotationPolicy, {
          id: 'pol_01ARZ3NDEKTSV4RRFFQ69G5FAV',
        }),
      { rotation_policy_id: 'pol_01ARZ3NDEKTSV4RRFFQ69G5FAV' },
    ],
    [
      'an unknown assistant',
      () => (
        (fixture.current = undefined),
        call(fixture.services.AssistantService.GetAssistant, { assistantId: 'ast_1' })
      ),
      { assistant_id: 'ast_1' },
    ],
    [
      'invalid fields, of which only valid values are copied',
      () => call(fixture.services.ConsumerService.SetConsumerOrgs, { name: 'hun ter2', orgs: ['org_1'] }),
      { violation_count: '1' },
    ],
  ])('names its subject in the metadata: %s', async (_what, failing, metadata) => {
    const error = await failing().then(
      () => undefined,
      (e: ServiceError) => e,
    );
    const details = readStatusDetails(error!);
    expect(details.metadata).toMatchObject(metadata);
    expect(details.metadata['retryable']).toBe('false');
    expect(JSON.stringify(details)).not.toContain('hun ter2');
  });

  it.each([
    ['NOPERM No permissions to access a key', 'REDIS_NOT_PERMITTED'],
    ["ERR The user executing the script can't access at least one of the keys", 'REDIS_NOT_PERMITTED'],
    ['ERR ACL failure in script: No permissions to access a key', 'REDIS_NOT_PERMITTED'],
    ['LOADING Redis is loading the dataset in memory', 'REDIS_UNAVAILABLE'],
  ])('says whether Redis refuses or is away: %s', (message, code) => {
    const reply = Object.assign(new Error(message), { name: 'ReplyError' });
    expect(toCallError(reply, {})).toMatchObject({ code });
  });
});
