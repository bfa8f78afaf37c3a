import type { Ledger } from '@rekey/ledger';
import { toProtoAssistant, type AssistantServiceHandlers } from '@rekey/rpc';
import { CurrentEvent, KeyUncertain, RekeyError } from '@rekey/schema';
import type { z } from 'zod';
import * as requests from './requests.ts';
import type { ServiceMethod } from './service-method.ts';

export const createAssistantService = (
  method: ServiceMethod,
  { ledger }: { ledger: Ledger },
): AssistantServiceHandlers => ({
  GetAssistant: method(async (request) => {
    const { assistantId } = requests.parseRequest(requests.ByAssistant, request);
    const current = await ledger.current(assistantId);
    if (current === undefined) throw new RekeyError('ASSISTANT_NOT_KNOWN');
    const uncertainSinceMs =
      current.uncertain === undefined
        ? undefined
        : Date.parse(parseEvent(KeyUncertain, current.uncertain).time);
    return toProtoAssistant(parseEvent(CurrentEvent, current.event), uncertainSinceMs);
  }),
});

const parseEvent = <T extends z.ZodType>(schema: T, text: string): z.output<T> => {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw new RekeyError('LEDGER_CORRUPT');
  }
};
