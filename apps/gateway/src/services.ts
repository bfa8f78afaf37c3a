import type { Ledger } from '@rekey/ledger';
import type {
  AssistantServiceHandlers,
  BulkRotationServiceHandlers,
  ConsumerServiceHandlers,
  RotationPolicyServiceHandlers,
  RotationServiceHandlers,
  SweepServiceHandlers,
  SystemServiceHandlers,
} from '@rekey/rpc';
import { createAssistantService } from './assistant-service.ts';
import { createBulkService, type BulkServiceDeps } from './bulk-service.ts';
import { createConsumerService, type ConsumerServiceDeps } from './consumer-service.ts';
import { byOneName, type OrgNames } from './org-names.ts';
import { createPolicyService, type PolicyServiceDeps } from './policy-service.ts';
import { createRotationService, type RotationServiceDeps } from './rotation-service.ts';
import { serviceMethod, streamingMethods } from './service-method.ts';
import { createSweepService, type SweepServiceDeps } from './sweep-service.ts';
import { createSystemService, type SystemServiceDeps } from './system-service.ts';

export interface ServiceDeps
  extends
    RotationServiceDeps,
    BulkServiceDeps,
    ConsumerServiceDeps,
    PolicyServiceDeps,
    SweepServiceDeps,
    SystemServiceDeps {
  ledger: Ledger;
  orgNames: OrgNames;
  onUnexpected: (error: unknown) => void;
}

/** The handlers of each service, under its name in the contract. */
export interface Services {
  RotationService: RotationServiceHandlers;
  BulkRotationService: BulkRotationServiceHandlers;
  RotationPolicyService: RotationPolicyServiceHandlers;
  ConsumerService: ConsumerServiceHandlers;
  AssistantService: AssistantServiceHandlers;
  SweepService: SweepServiceHandlers;
  SystemService: SystemServiceHandlers;
}

export const createServices = ({ onUnexpected, orgNames, ...deps }: ServiceDeps): Services => {
  const { method, streaming } = byOneName(
    orgNames,
    serviceMethod(onUnexpected),
    streamingMethods(onUnexpected),
  );
  return {
    RotationService: createRotationService(method, deps),
    BulkRotationService: createBulkService(method, streaming, deps),
    RotationPolicyService: createPolicyService(method, streaming, deps),
    ConsumerService: createConsumerService(method, deps),
    AssistantService: createAssistantService(method, deps),
    SweepService: createSweepService(method, deps),
    SystemService: createSystemService(method, deps),
  };
};
