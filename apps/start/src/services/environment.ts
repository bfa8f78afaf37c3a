import { complaintAboutVariable, valueOfVariable } from '@rekey/schema';

/** The value of a variable of this process; undefined if unset or empty. */
export const readVariable = (name: string): string | undefined => {
  const value = valueOfVariable(process.env[name]);
  const complaint = value === undefined ? undefined : complaintAboutVariable(name, value);
  if (complaint !== undefined) throw new Error(`${name}: ${complaint}`);
  return value;
};
