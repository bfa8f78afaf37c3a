import type { AgentCache } from '../cache/agent-cache.ts';
import type { EventStreams } from '../http/event-streams.ts';
import type { RequestCounts } from '../http/request-counts.ts';
import type { Listener } from '../http/start-server.ts';
import type { AgentKeys } from '../keys/agent-keys.ts';
import type { Output } from '../outputs/output.ts';

export interface ReportDeps {
  keys: AgentKeys;
  outputs: readonly Output[];
  cache: AgentCache | undefined;
  counts: RequestCounts;
  streams: EventStreams;
  listeners: readonly Listener[];
  staleAfterMs: number;
}
