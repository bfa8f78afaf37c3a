import type { Ledger } from '@rekey/ledger';
import { toProtoAssistant } from '@rekey/rpc';
import { AssistantId, CurrentEvent, KeyUncertain, RekeyError } from '@rekey/schema';
import { z } from 'zod';
import { orgOfRecord, parseEvent } from './published-record.ts';
import { defineRpc, type RpcTable } from '../pipeline/rpc.ts';

export interface AssistantServiceDeps {
  ledger: Pick<Ledger, 'assistants'>;
}

const ByAssistant = z.object({ assistantId: AssistantId });

export const createAssistantService = ({ ledger }: AssistantServiceDeps): RpcTable['AssistantService'] => {
  const read = async (assistantId: string) => {
    const current = await ledger.assistants.current(assistantId);
    if (current === undefined) throw new RekeyError('ASSISTANT_NOT_KNOWN');
    return current;
  };
  return {
    GetAssistant: defineRpc({
      request: ByAssistant,
      permission: 'assistants.read',
      orgs: 'loaded',
      load: async ({ assistantId }) => {
        const { event } = await read(assistantId);
        return [orgOfRecord(event)];
      },
      notFound: 'ASSISTANT_NOT_KNOWN',
      effect: 'read',
      handler: ({ assistantId }) => read(assistantId),
      respond: ({ event, uncertain }) => {
        const uncertainSinceMs =
          uncertain === undefined ? undefined : Date.parse(parseEvent(KeyUncertain, uncertain).time);
        return toProtoAssistant(parseEvent(CurrentEvent, event), uncertainSinceMs);
      },
    }),
  };
};
