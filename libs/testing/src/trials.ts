/** Whether `npm run trials` runs this spec: then with all cases, and for longer. */
export const areTrials = process.env['REKEY_TRIALS'] === '1';

/**
 * The cases of a table. Those that are named run in the check; the others only in the trials.
 */
export const inCheck = <T extends readonly [name: string, ...rest: unknown[]]>(
  names: string[],
  cases: T[],
): T[] => {
  const unknown = names.find((name) => !cases.some(([of]) => of === name));
  if (unknown !== undefined) throw new Error(`no case ${JSON.stringify(unknown)}`);
  return areTrials ? cases : cases.filter(([name]) => names.includes(name));
};
