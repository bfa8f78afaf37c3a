import { complaintAboutAddress } from '@rekey/schema';
import { InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { TLS_VARIABLES } from '../tls/tls-variables.ts';

/** The running `npm start`, if it is found from the working directory: no file of profiles has it. */
export const START = 'start';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

const text = z
  .string()
  .min(1)
  .max(4096)
  .refine((value) => !/\p{Cc}/u.test(value), 'must not contain control characters');

/** How a gateway is reached, and who calls. Files are absolute paths. */
export const Profile = z.strictObject({
  gateway: text.superRefine((address, context) => {
    const message = complaintAboutAddress(address);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  }),
  tls: z.boolean().optional(),
  tls_ca_file: text.optional(),
  tls_cert_file: text.optional(),
  tls_key_file: text.optional(),
  tls_server_name: text.optional(),
  token_file: text.optional(),
  /** The token itself. Only this file has it, and only its owner reads the file. */
  token: text.optional(),
});
export type Profile = z.infer<typeof Profile>;

export const Profiles = z.strictObject({
  /** The profile in use. */
  current: z.string().regex(NAME).optional(),
  profiles: z.record(z.string().regex(NAME), Profile),
});
export type Profiles = z.infer<typeof Profiles>;

/** The value of an argument or option that names a profile. */
export const profileName = (name: string): string => {
  if (NAME.test(name)) return name;
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

/** The profile that these variables describe. */
export const profileOf = (env: Readonly<Record<string, string>>): Profile | undefined => {
  const [gateway, ca, cert, key, serverName, tokenFile] = [
    'GRPC_ADDRESS',
    TLS_VARIABLES.tlsCa,
    TLS_VARIABLES.tlsCert,
    TLS_VARIABLES.tlsKey,
    TLS_VARIABLES.tlsServerName,
    TLS_VARIABLES.tokenFile,
  ].map((name) => env[name]);
  return Profile.safeParse({
    gateway,
    tls: env[TLS_VARIABLES.tls] === 'true' || undefined,
    tls_ca_file: ca,
    tls_cert_file: cert,
    tls_key_file: key,
    tls_server_name: serverName,
    token_file: tokenFile,
  }).data;
};
