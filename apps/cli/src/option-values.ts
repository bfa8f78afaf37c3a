import { ConsumerName } from '@rekey/schema';
import { InvalidArgumentError } from 'commander';

/** Refuses an empty text, such as of a variable that is not set, which would be taken as not given. */
export const notEmpty = (text: string): string => {
  if (text.trim() === '') throw new InvalidArgumentError('must not be empty: give a value, or leave it out.');
  return text;
};

/** The names of consumers, of an option that may be given several times. */
export const consumerNames = (name: string, before: string[] | undefined): string[] => {
  const { error } = ConsumerName.safeParse(name);
  if (error) throw new InvalidArgumentError(`${error.issues[0]!.message}.`);
  return [...(before ?? []), name];
};
