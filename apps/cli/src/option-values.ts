import { complaintAboutShortName } from '@rekey/schema';
import { InvalidArgumentError, Option } from 'commander';

/** Refuses an empty value, such as an unset shell variable: the request would treat it as absent. */
export const notEmpty = (text: string): string => {
  if (text.trim() === '')
    throw new InvalidArgumentError('must not be empty: give a value, or leave the option out.');
  return text;
};

/** The values of an option that names a consumer and may be given several times. */
export const consumerNames = (name: string, before: string[] | undefined): string[] => {
  const complaint = complaintAboutShortName(name);
  if (complaint !== undefined) throw new InvalidArgumentError(`${complaint}.`);
  return [...(before ?? []), name];
};

const UNITS_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A length of time with its unit, such as `90d`, in ms. */
export const durationMs = (text: string): number => {
  const [, digits, unit] = /^(\d{1,9})([smhd])$/.exec(text.trim()) ?? [];
  if (digits === undefined)
    throw new InvalidArgumentError('must be a number with a unit: s, m, h or d, such as 90d.');
  return Number(digits) * UNITS_MS[unit!]!;
};

/** --state of a list. States are taken as they are shown, in capitals, and in small letters. */
export const stateOption = <State extends string>(states: readonly State[]): Option => {
  const choices = states.map((state) => state.toLowerCase());
  return new Option('--state <state>', 'only this state')
    .choices(choices)
    .argParser((text: string): State => {
      const state = states.find((one) => one === text.trim().toUpperCase());
      if (state !== undefined) return state;
      throw new InvalidArgumentError(`Allowed choices are ${choices.join(', ')}.`);
    });
};
