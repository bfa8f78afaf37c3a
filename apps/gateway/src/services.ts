import type { Ledger, System } from '@rekey/ledger';
import type { AssistantServiceHandlers, BulkRotationServiceHandlers, RotationServiceHandlers, SweepServiceHandlers, SystemServiceHandlers } from '@rekey/rpc';
import { createAssistantService } from './assistant-service.ts';
import { createBulkService, type BulkServiceDeps } from './bulk-service.ts';
import { createRotationService, type RotationServiceDeps } from './rotation-service.ts';
import { serviceMethod, streamingMethods } from './service-method.ts';
import { createSweepService, type SweepServiceDeps } from './sweep-service.ts';
import { createSystemService } from './system-service.ts';

export interface ServiceDeps extends RotationServiceDeps, BulkServiceDeps, SweepServiceDeps {
  ledger: Ledger;
  system: System;
  onUnexpected: (error: unknown) => void;
}

/** The handlers of each service, under its name in the contract. */
export interface Services {
  RotationService: RotationServiceHandlers;
  BulkRotationService: BulkRotationServiceHandlers;
  AssistantService: AssistantServiceHandlers;
  SweepService: SweepServiceHandlers;
  SystemService: SystemServiceHandlers;
}

export const createServices = ({ onUnexpected, ...deps }: ServiceDeps): Services => {
  const method = serviceMethod(onUnexpected);
  return {
    RotationService: createRotationService(method, deps),
    BulkRotationService: createBulkService(method, streamingMethods(onUnexpected), deps),
    AssistantService: createAssistantService(method, deps),
    SweepService: createSweepService(method, deps),
    SystemService: createSystemService(method, deps),
  };
};
