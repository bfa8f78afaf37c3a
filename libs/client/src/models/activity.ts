import type { ResponseOf } from '../connection/transport.ts';
import { number, setDate, text, withoutUnset } from './values.ts';

/**
 * A record of activity: who did what. It comes from a stream that other clients of Redis can write to, and
 * proves nothing. A record of a later version may have a type that this version does not know.
 */
export interface ActivityRecord {
  /** Positions rise with time: `1700000000000-0`. */
  position: string;
  time: Date;
  /** Such as `rotation.requested` or `access.denied`. */
  type: string;
  /** Who did it: `uri:…`, `dns:…`, `jwt:…`, `token:…`, `local`, `anonymous` or `system:PART`. */
  principal: string;
  /** The other names that the same caller has proved. */
  otherPrincipals?: string[];
  /** Not set: Rekey as a whole. */
  orgId?: string;
  /** Such as `rotation:rot_…` or `consumer:billing`. */
  target?: string;
  assistantId?: string;
  reason?: string;
  requestId?: string;
  traceId?: string;
  /** Of a failed authentication: where it came from, which may be a proxy. */
  address?: string;
  before?: string;
  after?: string;
  /** How many denied calls were counted together. */
  count?: number;
  /** Fields of a later version. */
  otherFields?: { name: string; value: string }[];
}

type ProtoRecord = ResponseOf<'ActivityService', 'ListActivity'>['records'][number];

const list = <T>(values: T[]): T[] | undefined => (values.length > 0 ? values : undefined);

export const toActivityRecord = (record: ProtoRecord): ActivityRecord =>
  withoutUnset<ActivityRecord>({
    position: record.position,
    time: setDate(record.time),
    type: record.type,
    principal: record.principal,
    otherPrincipals: list(record.otherPrincipals),
    orgId: text(record.orgId),
    target: text(record.target),
    assistantId: text(record.assistantId),
    reason: text(record.reason),
    requestId: text(record.requestId),
    traceId: text(record.traceId),
    address: text(record.address),
    before: text(record.before),
    after: text(record.after),
    count: number(record.count),
    otherFields: list(record.otherFields),
  });
