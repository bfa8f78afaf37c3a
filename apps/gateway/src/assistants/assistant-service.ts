import type { Ledger } from '@rekey/ledger';
import { toProtoAssistant } from '@rekey/rpc';
import { AssistantId, CurrentEvent, KeyUncertain, RekeyError } from '@rekey/schema';
import { z } from 'zod';
import { defineRpc, type RpcTable } from '../pipeline/rpc.ts';

export interface AssistantServiceDeps {
  ledger: Pick<Ledger, 'assistants'>;
}

const ByAssistant = z.object({ assistantId: AssistantId });

const parseEvent = <T extends z.ZodType>(schema: T, text: string): z.output<T> => {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw new RekeyError('LEDGER_CORRUPT');
  }
};

export const createAssistantService = ({ ledger }: AssistantServiceDeps): RpcTable['AssistantService'] => ({
  GetAssistant: defineRpc({
    request: ByAssistant,
    permission: 'assistants.read',
    orgs: 'loaded',
    effect: 'read',
    handler: async ({ assistantId }) => {
      const current = await ledger.assistants.current(assistantId);
      if (current === undefined) throw new RekeyError('ASSISTANT_NOT_KNOWN');
      return current;
    },
    respond: ({ event, uncertain }) => {
      const uncertainSinceMs =
        uncertain === undefined ? undefined : Date.parse(parseEvent(KeyUncertain, uncertain).time);
      return toProtoAssistant(parseEvent(CurrentEvent, event), uncertainSinceMs);
    },
  }),
});
