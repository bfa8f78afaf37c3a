import { ConsumerName } from '@rekey/schema';
import { InvalidArgumentError } from 'commander';

/** Refuses an empty value, such as an unset shell variable: the request would treat it as absent. */
export const notEmpty = (text: string): string => {
  if (text.trim() === '')
    throw new InvalidArgumentError('must not be empty: give a value, or leave the option out.');
  return text;
};

/** The values of an option that names a consumer and may be given several times. */
export const consumerNames = (name: string, before: string[] | undefined): string[] => {
  const { error } = ConsumerName.safeParse(name);
  if (error) throw new InvalidArgumentError(`${error.issues[0]!.message}.`);
  return [...(before ?? []), name];
};
