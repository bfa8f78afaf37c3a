import { createAccessService, type AccessServiceDeps } from './access/access-service.ts';
import { createActivityService, type ActivityServiceDeps } from './activity/activity-service.ts';
import { createAssistantService, type AssistantServiceDeps } from './assistants/assistant-service.ts';
import { createBulkService, type BulkServiceDeps } from './bulks/bulk-service.ts';
import { createConsumerService, type ConsumerServiceDeps } from './consumers/consumer-service.ts';
import { createEventService, type EventServiceDeps } from './events/event-service.ts';
import { createPolicyService, type PolicyServiceDeps } from './policies/policy-service.ts';
import { createRotationService, type RotationServiceDeps } from './rotations/rotation-service.ts';
import { createSweepService, type SweepServiceDeps } from './sweeps/sweep-service.ts';
import { createSystemService, type SystemServiceDeps } from './system/system-service.ts';
import type { RpcTable } from './pipeline/rpc.ts';

export type RpcDeps = AccessServiceDeps &
  ActivityServiceDeps &
  AssistantServiceDeps &
  BulkServiceDeps &
  ConsumerServiceDeps &
  EventServiceDeps &
  PolicyServiceDeps &
  RotationServiceDeps &
  SweepServiceDeps &
  SystemServiceDeps;

/** Every method that the gateway serves. */
export const createRpcTable = (deps: RpcDeps): RpcTable => ({
  AccessService: createAccessService(deps),
  ActivityService: createActivityService(deps),
  AssistantService: createAssistantService(deps),
  BulkRotationService: createBulkService(deps),
  ConsumerService: createConsumerService(deps),
  EventService: createEventService(deps),
  RotationPolicyService: createPolicyService(deps),
  RotationService: createRotationService(deps),
  SweepService: createSweepService(deps),
  SystemService: createSystemService(deps),
});
