import type { Ledger, RequestBudget, SweepQueue, Sweeps, System } from '@rekey/ledger';
import { toProtoStatus, type SystemServiceHandlers } from '@rekey/rpc';
import { nextUlid } from '@rekey/runtime';
import { RekeyError } from '@rekey/schema';
import * as requests from './requests.ts';
import type { ServiceMethod } from './service-method.ts';

export interface SystemServiceDeps {
  system: System;
  ledger: Ledger;
  sweeps: Sweeps;
  sweepQueue: SweepQueue;
  /** The request budget of the workers behind one address. */
  budgetOf: (egress: string) => Pick<RequestBudget, 'open'>;
}

export const createSystemService = (
  method: ServiceMethod,
  { system, ledger, sweeps, sweepQueue, budgetOf }: SystemServiceDeps,
): SystemServiceHandlers => {
  const status = async () => toProtoStatus(await system.status());
  return {
    GetStatus: method(status),

    Freeze: method(async (request) => {
      const { reason } = requests.parseRequest(requests.Freeze, request);
      await system.freeze(reason);
      return status();
    }),

    Unfreeze: method(async () => {
      await system.unfreeze();
      return status();
    }),

    OpenBudget: method(async (request) => {
      const { egress } = requests.parseRequest(requests.OpenBudget, request);
      if (!(await budgetOf(egress).open())) throw new RekeyError('BUDGET_NOT_CLOSED');
      return status();
    }),

    AdoptLedger: method(async (request) => {
      const { ledgerId } = requests.parseRequest(requests.AdoptLedger, request);
      await ledger.adopt(ledgerId);
      // What was published before is unknown to this ledger: everything is compared, whatever the schedule
      // says.
      const { sweep } = await sweeps.create(`swp_${nextUlid()}`, undefined);
      await sweepQueue.add(sweep.id);
      return status();
    }),
  };
};
