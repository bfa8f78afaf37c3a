import { ApiKey } from '@rekey/invent';
import { refineWorkerVariables, workerVariables } from '@rekey/runtime';
import { z } from 'zod';

/** The variables of a worker. Secrets are optional: a check without its secret says so. */
export const DoctorEnvironment = z
  .object({
    ...workerVariables,
    INVENT_API_KEY: ApiKey.optional(),
    REKEY_KEY_FILE: z.string().optional(),
    REKEY_GATEWAY_KEY_FILE: z.string().optional(),
  })
  .superRefine(refineWorkerVariables);
export type DoctorEnvironment = z.infer<typeof DoctorEnvironment>;
