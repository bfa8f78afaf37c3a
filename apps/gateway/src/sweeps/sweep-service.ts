import type { Ledger, SweepQueue, Sweeps } from '@rekey/ledger';
import { toProtoSweep } from '@rekey/rpc';
import { nextUlid } from '@rekey/runtime';
import { OrgId, RekeyError, SweepId, type Sweep } from '@rekey/schema';
import { z } from 'zod';
import type { WorkerLiveness } from '../health/worker-liveness.ts';
import { defineRpc, type RpcTable } from '../pipeline/rpc.ts';
import { optionalText, pageSize as sizeOfPage } from '../requests/fields.ts';
import { makePageToken, readPageToken } from '../requests/page-token.ts';
import { given } from '../requests/parse-request.ts';

export interface SweepServiceDeps {
  ledger: Pick<Ledger, 'orgs'>;
  sweeps: Sweeps;
  sweepQueue: SweepQueue;
  liveness: WorkerLiveness;
}

const CreateSweep = z
  .object({ orgId: optionalText(OrgId), acceptRemovals: z.boolean().default(false) })
  .refine(({ orgId, acceptRemovals }) => !acceptRemovals || orgId !== undefined, {
    path: ['orgId'],
    error: 'must be given with accept_removals: one org at a time',
  });
const BySweep = z.object({ id: SweepId });
const ListSweeps = z.object({ pageSize: sizeOfPage(20, 100), pageToken: z.string().default('') });

/** Stands for the filter of this list, which has none: its page tokens are refused by other lists. */
const ALL = { list: 'sweeps' };
/** What a sweep without an org is of: only who may see every org sees it. */
const EVERY_ORG = '*';

export const createSweepService = ({
  ledger,
  sweeps,
  sweepQueue,
  liveness,
}: SweepServiceDeps): RpcTable['SweepService'] => {
  const toResponse = async (sweep: Sweep) => toProtoSweep(sweep, await liveness.noLiveWorker());
  return {
    CreateSweep: defineRpc({
      request: CreateSweep,
      permission: 'sweeps.create',
      orgs: 'request',
      effect: 'change',
      handler: async ({ orgId, acceptRemovals }, { actor }) => {
        // Before the sweep, which may begin at once. If the gateway dies in between, the org stays accepted
        // and the call can be repeated.
        if (acceptRemovals && !(await ledger.orgs.acceptHeld(orgId!, actor)))
          throw new RekeyError('ORG_NOT_HELD');
        // The decision about a held org is never refused: then it would be made, and have no effect.
        const { sweep } = await sweeps.create(`swp_${nextUlid()}`, orgId, {
          requested: !acceptRemovals,
          actor,
        });
        // Also for a sweep that existed before: its gateway may have died before it enqueued the job.
        await sweepQueue.add(sweep);
        return sweep;
      },
      respond: toResponse,
    }),

    GetSweep: defineRpc({
      request: BySweep,
      permission: 'sweeps.read',
      orgs: 'loaded',
      load: async ({ id }) => {
        const { orgId } = await sweeps.get(id);
        return orgId === undefined ? [] : [orgId];
      },
      notFound: 'SWEEP_NOT_FOUND',
      effect: 'read',
      handler: ({ id }) => sweeps.get(id),
      respond: toResponse,
    }),

    ListSweeps: defineRpc({
      request: ListSweeps,
      permission: 'sweeps.read',
      orgs: 'listed',
      effect: 'read',
      handler: async ({ pageSize, pageToken }, { sees }) => {
        const after = readPageToken(pageToken, ALL, SweepId);
        return sweeps.page({
          size: pageSize,
          ...given({ after }),
          sees: ({ orgId }) => sees(orgId ?? EVERY_ORG),
        });
      },
      respond: (page) => ({
        sweeps: page.sweeps.map((sweep) => toProtoSweep(sweep)),
        nextPageToken: makePageToken(page.next, ALL),
      }),
    }),
  };
};
