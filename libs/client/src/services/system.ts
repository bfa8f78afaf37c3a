import type { CallOptions } from '../calls/calls.ts';
import { createServiceCalls, type ServiceDeps } from '../calls/service-calls.ts';
import { toStatus, type SystemStatus } from '../models/system.ts';

export interface SystemMethods {
  getStatus(options?: CallOptions): Promise<SystemStatus>;
  /** Stops all rotations. Safe to repeat; not retried. So are all that follow. */
  freeze(request: { reason: string }, options?: CallOptions): Promise<SystemStatus>;
  unfreeze(options?: CallOptions): Promise<SystemStatus>;
  /**
   * Sends requests to Invent again although Invent asked to wait (429): slowly at first. `egress`: the
   * INVENT_EGRESS of the workers.
   */
  openBudget(request: { egress: string }, options?: CallOptions): Promise<SystemStatus>;
  /**
   * Accepts the ledger in Redis in place of one that was lost (`SystemStatus.ledger`): rotations resume, and
   * a sweep compares everything with Invent. LEDGER_NOT_LOST.
   */
  adoptLedger(request: { ledgerId: string }, options?: CallOptions): Promise<SystemStatus>;
}

export const createSystemMethods = (deps: ServiceDeps): SystemMethods => {
  const { read, change } = createServiceCalls(deps, 'SystemService');
  return {
    getStatus: async (options) => read('GetStatus', {}, toStatus, options),
    freeze: async (request, options) => change('Freeze', request, toStatus, options),
    unfreeze: async (options) => change('Unfreeze', {}, toStatus, options),
    openBudget: async (request, options) => change('OpenBudget', request, toStatus, options),
    adoptLedger: async (request, options) => change('AdoptLedger', request, toStatus, options),
  };
};
