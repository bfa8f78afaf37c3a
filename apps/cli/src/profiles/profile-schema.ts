import { complaintAboutAddress } from '@rekey/schema';
import { z } from 'zod';
import { TLS_VARIABLES } from '../tls/tls-variables.ts';
import { PROFILE_NAME } from './profile-name.ts';

/* Apart from profile.ts: zod takes longer to load than the rest of a command without a profile. */

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
  current: z.string().regex(PROFILE_NAME).optional(),
  profiles: z.record(z.string().regex(PROFILE_NAME), Profile),
});
export type Profiles = z.infer<typeof Profiles>;

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
