import { InvalidArgumentError } from 'commander';
import { TLS_VARIABLES } from '../tls/tls-variables.ts';
import { PROFILE_NAME } from './profile-name.ts';
import type { Profile } from './profile-schema.ts';

/** The running `npm start`, if it is found from the working directory: no file of profiles has it. */
export const START = 'start';

/** The value of an argument or option that names a profile. */
export const profileName = (name: string): string => {
  if (PROFILE_NAME.test(name)) return name;
  throw new InvalidArgumentError(
    'must be at most 63 letters, digits, dots, hyphens and underscores, and begin with a letter or digit.',
  );
};

/** The variables of the environment that a profile stands for. */
export const CONNECTION_VARIABLES = ['GRPC_ADDRESS', ...Object.values(TLS_VARIABLES)];

/** What a profile sets. Its own token is no variable: other programs would inherit it. */
export const variablesOf = (profile: Profile): Record<string, string> => {
  const variables: Record<string, string | undefined> = {
    GRPC_ADDRESS: profile.gateway,
    [TLS_VARIABLES.tls]: profile.tls === true ? 'true' : undefined,
    [TLS_VARIABLES.tlsCa]: profile.tls_ca_file,
    [TLS_VARIABLES.tlsCert]: profile.tls_cert_file,
    [TLS_VARIABLES.tlsKey]: profile.tls_key_file,
    [TLS_VARIABLES.tlsServerName]: profile.tls_server_name,
    [TLS_VARIABLES.tokenFile]: profile.token_file,
  };
  return Object.fromEntries(
    Object.entries(variables).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
};
