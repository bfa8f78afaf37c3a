export const rotationStates = [
  'QUEUED',
  'ROTATING',
  'RECONCILING',
  'SUCCEEDED',
  'FAILED',
  'CANCELLED',
] as const;
export type RotationState = (typeof rotationStates)[number];

const endStates: ReadonlySet<RotationState> = new Set(['SUCCEEDED', 'FAILED', 'CANCELLED']);
export const isEnded = (state: RotationState): boolean => endStates.has(state);
