import { agentEvents } from './events/agent.ts';
import { everyProcessEvents } from './events/every-process.ts';
import { gatewayEvents } from './events/gateway.ts';
import { workerBulkRotationsAndPoliciesEvents } from './events/worker-bulk-rotations-and-policies.ts';
import { workerConsumersEvents } from './events/worker-consumers.ts';
import { workerArchiveEvents } from './events/worker-archive.ts';
import { workerHousekeepingEvents } from './events/worker-housekeeping.ts';
import { workerRotationsAndPublicationEvents } from './events/worker-rotations-and-publication.ts';
import { workerSweepsChecksAndOrgsEvents } from './events/worker-sweeps-checks-and-orgs.ts';
import type { LogEvent } from './events/log-event.ts';

/** The sections of docs/reference/log-events.md. An event is added in the file of its section. */
export const logEventSections: readonly { title: string; events: Record<string, LogEvent> }[] = [
  { title: 'Every process', events: everyProcessEvents },
  { title: 'Gateway', events: gatewayEvents },
  { title: 'Worker: rotations and publication', events: workerRotationsAndPublicationEvents },
  { title: 'Worker: bulk rotations and policies', events: workerBulkRotationsAndPoliciesEvents },
  { title: 'Worker: sweeps, checks and orgs', events: workerSweepsChecksAndOrgsEvents },
  { title: 'Worker: consumers', events: workerConsumersEvents },
  { title: 'Worker: housekeeping', events: workerHousekeepingEvents },
  { title: 'Worker: the archive', events: workerArchiveEvents },
  { title: 'Agent', events: agentEvents },
];

/** Every event that gateway, worker and agent log. */
export const logEvents = {
  ...everyProcessEvents,
  ...gatewayEvents,
  ...workerRotationsAndPublicationEvents,
  ...workerBulkRotationsAndPoliciesEvents,
  ...workerSweepsChecksAndOrgsEvents,
  ...workerConsumersEvents,
  ...workerHousekeepingEvents,
  ...workerArchiveEvents,
  ...agentEvents,
};

export type LogEventName = keyof typeof logEvents;
