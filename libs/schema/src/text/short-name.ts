/** The names of consumers and of access tokens. */
export const SHORT_NAME = /^[a-z][a-z0-9-]{0,62}$/;
export const SHORT_NAME_COMPLAINT =
  'must be at most 63 lower-case letters, digits and hyphens, beginning with a letter';

/** What is wrong with such a name; undefined if it is valid. */
export const complaintAboutShortName = (name: string): string | undefined =>
  SHORT_NAME.test(name) ? undefined : SHORT_NAME_COMPLAINT;
