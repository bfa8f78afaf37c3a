import type { Ledger, SweepQueue, Sweeps } from '@rekey/ledger';
import { toProtoSweep, type SweepServiceHandlers } from '@rekey/rpc';
import { nextUlid } from '@rekey/runtime';
import { RekeyError, SweepId } from '@rekey/schema';
import type { Liveness } from './liveness.ts';
import { makePageToken, readPageToken } from './page-token.ts';
import * as requests from './requests.ts';
import type { ServiceMethod } from './service-method.ts';

/** The filter of a list without one: its page tokens serve no other list. */
const ALL = { list: 'sweeps' };

export interface SweepServiceDeps {
  ledger: Pick<Ledger, 'acceptHeld'>;
  sweeps: Sweeps;
  sweepQueue: SweepQueue;
  liveness: Liveness;
}

export const createSweepService = (
  method: ServiceMethod,
  { ledger, sweeps, sweepQueue, liveness }: SweepServiceDeps,
): SweepServiceHandlers => ({
  CreateSweep: method(async (request) => {
    const { orgId, acceptRemovals } = requests.parseRequest(requests.CreateSweep, request);
    // Before the sweep, which may begin at once. If the gateway dies in between, the org is accepted still,
    // and the call can be repeated.
    if (acceptRemovals && !(await ledger.acceptHeld(orgId!))) throw new RekeyError('ORG_NOT_HELD');
    const { sweep } = await sweeps.create(`swp_${nextUlid()}`, orgId);
    // Also for one that was there already: its gateway may have died before it was queued.
    await sweepQueue.add(sweep.id);
    return toProtoSweep(sweep, await liveness.noLiveWorker());
  }),

  GetSweep: method(async (request) => {
    const { id } = requests.parseRequest(requests.BySweep, request);
    return toProtoSweep(await sweeps.get(id), await liveness.noLiveWorker());
  }),

  ListSweeps: method(async (request) => {
    const { pageSize, pageToken } = requests.parseRequest(requests.ListSweeps, request);
    const after = readPageToken(pageToken, ALL, SweepId);
    const page = await sweeps.page({ size: pageSize, ...(after !== undefined && { after }) });
    return {
      sweeps: page.sweeps.map((sweep) => toProtoSweep(sweep)),
      nextPageToken: page.next === undefined ? '' : makePageToken(page.next, ALL),
    };
  }),
});
