import type { CallOptions } from '../calls/calls.ts';
import { createServiceCalls, type ServiceDeps } from '../calls/service-calls.ts';
import { toAssistant, type Assistant } from '../models/assistant.ts';

export interface AssistantMethods {
  /**
   * ASSISTANT_NOT_KNOWN if Rekey has never published a key of it. Its deadline is 60 s, since a record may be
   * 16 MiB long, unless the client or the call has a `deadlineMs`.
   */
  getAssistant(assistantId: string, options?: CallOptions): Promise<Assistant>;
}

/** A record may be 16 MiB long and come over a slow link. */
const RECORD_DEADLINE_MS = 60_000;

export const createAssistantMethods = (deps: ServiceDeps): AssistantMethods => {
  const { read } = createServiceCalls(deps, 'AssistantService');
  return {
    getAssistant: async (assistantId, options) =>
      read('GetAssistant', { assistantId }, toAssistant, {
        deadlineMs: deps.deadlineMs ?? RECORD_DEADLINE_MS,
        ...options,
      }),
  };
};
