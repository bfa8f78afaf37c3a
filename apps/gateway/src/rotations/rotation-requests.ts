import {
  AssistantId,
  ConsumerName,
  MAX_CONSUMERS,
  OrgId,
  Reason,
  RequestId,
  RotationId,
  RotationRequest,
  RotationState,
} from '@rekey/schema';
import { z } from 'zod';
import { Duration, optionalState, optionalText, pageSize } from '../requests/fields.ts';

export const RotateSecretKey = RotationRequest.extend({ requestId: optionalText(RequestId), reason: Reason });

export const ByRotation = z.object({ id: RotationId });

export const ListRotations = z.object({
  orgId: optionalText(OrgId),
  assistantId: optionalText(AssistantId),
  state: optionalState(RotationState),
  pageSize: pageSize(50, 500),
  pageToken: z.string(),
});

const DEFAULT_WAIT_MS = 30_000;
const MAX_WAIT_MS = 600_000;

export const WaitRotation = z
  .object({
    id: RotationId,
    timeout: Duration.nullish(),
    until: z
      .enum(['UNTIL_UNSPECIFIED', 'ENDED', 'ACKNOWLEDGED'], { error: 'is not one of this contract' })
      .default('ENDED'),
    consumers: z
      .array(ConsumerName)
      .max(MAX_CONSUMERS, `must have at most ${MAX_CONSUMERS} entries`)
      .default([]),
  })
  .refine(({ until, consumers }) => consumers.length === 0 || until === 'ACKNOWLEDGED', {
    path: ['consumers'],
    message: 'may be named only with until: ACKNOWLEDGED',
  })
  .transform(({ timeout, ...rest }) => ({
    ...rest,
    timeoutMs: Math.min(timeout ?? DEFAULT_WAIT_MS, MAX_WAIT_MS),
  }));
