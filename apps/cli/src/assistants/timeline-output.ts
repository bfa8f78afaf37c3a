import type { RotationTimeline } from '@rekey/client';
import { print, type OutputOptions } from '../output/format.ts';
import { createTable, recordOf, tableColumns } from '../output/list.ts';
import { rotationJson, rotationText } from '../output/output.ts';
import { stepColumns } from './assistant-columns.ts';

/** Prints a rotation and its steps. */
export const printTimeline = (options: OutputOptions, { rotation, steps }: RotationTimeline): void => {
  const columns = stepColumns(steps[0]?.time);
  const text = `${rotationText(rotation)}\n\n${createTable(tableColumns(columns))(steps)}`;
  print(
    options,
    { rotation: rotationJson(rotation), steps: steps.map((step) => recordOf(columns, step)) },
    text,
  );
};
