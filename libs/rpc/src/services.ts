import type { Contract } from './contract/load.ts';
import type { AccessServiceHandlers } from './generated/rekey/v1/AccessService.ts';
import type { ActivityServiceHandlers } from './generated/rekey/v1/ActivityService.ts';
import type { AssistantServiceHandlers } from './generated/rekey/v1/AssistantService.ts';
import type { BulkRotationServiceHandlers } from './generated/rekey/v1/BulkRotationService.ts';
import type { ConsumerServiceHandlers } from './generated/rekey/v1/ConsumerService.ts';
import type { EventServiceHandlers } from './generated/rekey/v1/EventService.ts';
import type { RotationPolicyServiceHandlers } from './generated/rekey/v1/RotationPolicyService.ts';
import type { RotationServiceHandlers } from './generated/rekey/v1/RotationService.ts';
import type { SweepServiceHandlers } from './generated/rekey/v1/SweepService.ts';
import type { SystemServiceHandlers } from './generated/rekey/v1/SystemService.ts';

type V1 = Contract['v1'];
type ServiceName = {
  [Name in keyof V1]: V1[Name] extends { service: unknown } ? Name : never;
}[keyof V1];

interface Handlers {
  AccessService: AccessServiceHandlers;
  ActivityService: ActivityServiceHandlers;
  AssistantService: AssistantServiceHandlers;
  BulkRotationService: BulkRotationServiceHandlers;
  ConsumerService: ConsumerServiceHandlers;
  EventService: EventServiceHandlers;
  RotationPolicyService: RotationPolicyServiceHandlers;
  RotationService: RotationServiceHandlers;
  SweepService: SweepServiceHandlers;
  SystemService: SystemServiceHandlers;
}

/** The handlers of each service. Does not compile if a service of the contract is missing above. */
export type ServiceHandlers = { [Name in ServiceName]: Handlers[Name] };
