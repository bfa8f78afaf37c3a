import { describe, expect, it } from '@jest/globals';
import { status } from '@grpc/grpc-js';
import { KEY_ROTATED, KEY_UNCERTAIN } from '@rekey/schema';
import { call, useServices } from '../services-fixture.ts';

const fixture = useServices();
const SEALED = { protected: 'p', recipients: [], iv: 'i', ciphertext: 'c', tag: 't' };

describe('GetAssistant', () => {
  const envelope = {
    specversion: '1.0',
    id: '7',
    source: '/orgs/org_1/assistants/ast_1',
    subject: 'ast_1',
    time: '2023-11-14T22:13:20.000Z',
    datacontenttype: 'application/json',
  };
  const common = { seq: 1, version: 7, rotation_id: null, bulk_rotation_id: null };
  const event = JSON.stringify({
    ...envelope,
    type: KEY_ROTATED,
    data: { ...common, cause: 'drift', updated_at: envelope.time, fingerprint: 'K:f', sealed: SEALED },
  });
  const uncertain = JSON.stringify({ ...envelope, type: KEY_UNCERTAIN, data: { ...common, sealed: SEALED } });
  const getAssistant = () => call(fixture.services.AssistantService.GetAssistant, { assistantId: 'ast_1' });

  it('returns the current key version', async () => {
    fixture.current = { event };
    expect(await getAssistant()).toMatchObject({
      assistantId: 'ast_1',
      version: 7,
      sealed: JSON.stringify(SEALED),
      uncertainTime: null,
    });
  });

  it('shows since when it is uncertain', async () => {
    fixture.current = { event, uncertain };
    expect(await getAssistant()).toMatchObject({
      version: 7,
      uncertainTime: { seconds: '1700000000', nanos: 0 },
    });
  });

  it('fails with NOT_FOUND if nothing was published for the assistant', async () => {
    fixture.current = undefined;
    await expect(getAssistant()).rejects.toMatchObject({ code: status.NOT_FOUND });
  });

  it.each([{ event: '{' }, { event: uncertain }, { event, uncertain: event }])(
    'fails with INTERNAL if the entry cannot be read: %j',
    async (broken) => {
      fixture.current = broken;
      await expect(getAssistant()).rejects.toMatchObject({ code: status.INTERNAL });
    },
  );
});
