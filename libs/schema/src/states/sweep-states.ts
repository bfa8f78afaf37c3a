export const sweepStates = ['QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED'] as const;
export type SweepState = (typeof sweepStates)[number];
