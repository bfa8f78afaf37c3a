import type { View } from '../faults/faults.ts';

/** The first view of a kind. */
export const findView = (views: readonly View[], kind: View['fault']['kind']): View | undefined =>
  views.find(({ fault }) => fault.kind === kind);
