import type { Registry, RequestBudget, SweepQueue, Sweeps, System } from '@rekey/ledger';
import { toProtoLimitedCaller, toProtoStatus } from '@rekey/rpc';
import { nextUlid } from '@rekey/runtime';
import { Reason, RekeyError } from '@rekey/schema';
import { z } from 'zod';
import type { LimitedCaller } from '../quotas/limited-callers.ts';
import { defineRpc, type RpcTable } from '../pipeline/rpc.ts';
import { Empty } from '../requests/fields.ts';

export interface SystemServiceDeps {
  system: System;
  registry: Registry;
  /** A file remembers the registry of consumers over a restart. */
  remembersRegistry: () => boolean;
  sweeps: Sweeps;
  sweepQueue: SweepQueue;
  /** The request budget of the workers behind one egress address. */
  budgetOf: (egress: string) => Pick<RequestBudget, 'open'>;
  /** Who is at a limit of its own, the one that was refused most often first. */
  limitedCallers: () => LimitedCaller[];
}

const SHOWN_CALLERS = 10;

const Freeze = z.object({
  reason: Reason.refine((reason) => reason.trim() !== '', 'must not be empty'),
});
const OpenBudget = z.object({
  egress: z.union([
    z.literal('').transform(() => 'default'),
    z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/, 'must be 1 to 64 letters, digits, _ . or -'),
  ]),
});
const AdoptLedger = z.object({
  ledgerId: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be the id of the ledger, as GetStatus shows it'),
});

export const createSystemService = ({
  system,
  registry,
  remembersRegistry,
  sweeps,
  sweepQueue,
  budgetOf,
  limitedCallers,
}: SystemServiceDeps): RpcTable['SystemService'] => {
  /** Every method returns the status that results. */
  const respond = async () => ({
    ...toProtoStatus(await system.status()),
    registry: registry.rev() === 0 ? null : { registryRev: registry.rev(), noMemory: !remembersRegistry() },
    limitedCallers: limitedCallers().slice(0, SHOWN_CALLERS).map(toProtoLimitedCaller),
  });
  return {
    GetStatus: defineRpc({
      request: Empty,
      permission: 'status.read',
      orgs: 'all',
      effect: 'read',
      handler: async () => {},
      respond,
    }),

    Freeze: defineRpc({
      request: Freeze,
      permission: 'system.freeze',
      orgs: 'all',
      effect: 'change',
      handler: ({ reason }, { actor }) => system.freeze(reason, actor),
      respond,
    }),

    Unfreeze: defineRpc({
      request: Empty,
      permission: 'system.freeze',
      orgs: 'all',
      effect: 'change',
      handler: (_request, { actor }) => system.unfreeze(actor),
      respond,
    }),

    OpenBudget: defineRpc({
      request: OpenBudget,
      permission: 'budget.open',
      orgs: 'all',
      effect: 'change',
      handler: async ({ egress }, { actor }) => {
        if (!(await budgetOf(egress).open(actor))) throw new RekeyError('BUDGET_NOT_CLOSED');
      },
      respond,
    }),

    AdoptLedger: defineRpc({
      request: AdoptLedger,
      permission: 'ledger.adopt',
      orgs: 'all',
      effect: 'change',
      handler: async ({ ledgerId }, { actor }) => {
        await system.adopt(ledgerId, actor);
        // This ledger does not know what was published before: a sweep compares everything, whatever the
        // schedule says.
        const { sweep } = await sweeps.create(`swp_${nextUlid()}`, undefined, { actor });
        await sweepQueue.add(sweep);
      },
      respond,
    }),
  };
};
