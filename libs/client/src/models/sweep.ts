import type { SweepCounts } from '@rekey/schema';
import type { SweepState } from './states.ts';
import type { ResponseOf } from '../connection/transport.ts';
import { date, explanation, setDate, state, text, withoutUnset, type Explanation } from './values.ts';

/** One comparison of everything upstream with what is published. */
export interface Sweep {
  /** `swp_` and 26 characters. */
  id: string;
  /** Not set: all configured orgs. */
  orgId?: string;
  /** SUCCEEDED and FAILED are end states. */
  state: SweepState;
  createTime: Date;
  startTime?: Date;
  updateTime: Date;
  endTime?: Date;
  counts: SweepCounts;
  error?: Explanation;
  /** No worker is live: the sweep is blocked until one starts. Never set in end states. */
  noLiveWorker?: true;
  /** The principal that requested it; `local` without an access file. */
  requestedBy?: string;
}

type ProtoSweep = ResponseOf<'SweepService', 'GetSweep'>;

export const toSweep = (sweep: ProtoSweep): Sweep =>
  withoutUnset<Sweep>({
    id: sweep.id,
    orgId: text(sweep.orgId),
    state: state(sweep.state),
    createTime: setDate(sweep.createTime),
    startTime: date(sweep.startTime),
    updateTime: setDate(sweep.updateTime),
    endTime: date(sweep.endTime),
    counts: sweep.counts!,
    error: explanation(sweep.error),
    noLiveWorker: sweep.noLiveWorker || undefined,
    requestedBy: text(sweep.requestedBy),
  });
