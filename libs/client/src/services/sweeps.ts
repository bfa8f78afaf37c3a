import type { CallOptions } from '../calls/calls.ts';
import { eachOf } from '../calls/pages.ts';
import { createServiceCalls, type ServiceDeps } from '../calls/service-calls.ts';
import { toSweep, type Sweep } from '../models/sweep.ts';

export interface SweepMethods {
  /**
   * A sweep of one org, or of all. Resolves before it starts; returns the QUEUED sweep of the same scope if
   * there is one. Not retried. `acceptRemovals`, for a held org (`SystemStatus.heldOrgs`): publishes all
   * changes of the kind that the org is held for; ORG_NOT_HELD if the org is not held. TOO_MANY_SWEEPS,
   * ORG_NOT_KNOWN.
   */
  createSweep(request?: { orgId?: string; acceptRemovals?: boolean }, options?: CallOptions): Promise<Sweep>;
  /** SWEEP_NOT_FOUND. */
  getSweep(id: string, options?: CallOptions): Promise<Sweep>;
  /** The newest: up to 100, 20 by default. */
  listSweeps(request?: { pageSize?: number }, options?: CallOptions): Promise<Sweep[]>;
  /** All sweeps that Rekey keeps, newest first, a page at a time. */
  sweeps(options?: CallOptions): AsyncIterable<Sweep>;
}

/** The largest page of the gateway. */
const PAGE_SIZE = 100;

export const createSweepMethods = (deps: ServiceDeps): SweepMethods => {
  const { read, change } = createServiceCalls(deps, 'SweepService');
  return {
    createSweep: async (request = {}, options) => change('CreateSweep', request, toSweep, options),
    getSweep: async (id, options) => read('GetSweep', { id }, toSweep, options),
    listSweeps: async (request = {}, options) =>
      read('ListSweeps', request, ({ sweeps }) => sweeps.map(toSweep), options),
    sweeps: (options) =>
      eachOf((pageToken) =>
        read(
          'ListSweeps',
          { pageSize: PAGE_SIZE, pageToken },
          ({ sweeps, nextPageToken }) => ({ items: sweeps.map(toSweep), nextPageToken }),
          options,
        ),
      ),
  };
};
