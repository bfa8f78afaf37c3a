import { TokenName } from '@rekey/schema';
import { z } from 'zod';

/**
 * Names of principals, as bindings and logs have them. The prefix says what proved the name, so that no name
 * of one kind can be taken for one of another: a certificate whose URI reads `token:nightly` is
 * `uri:token:nightly`.
 */
export const principalNames = {
  uri: (uri: string) => `uri:${uri}`,
  dns: (name: string) => `dns:${name.toLowerCase()}`,
  jwt: (issuer: string, subject: string) => `jwt:${issuer}#${subject}`,
  group: (issuer: string, group: string) => `group:${issuer}#${group}`,
  token: (name: string) => `token:${name}`,
};

/** Printable, and short enough for a log line. */
const NAME = /^[^\p{C}\p{Zl}\p{Zp}]{1,512}$/u;
export const isPrincipalName = (name: string): boolean => NAME.test(name) && name.trim() === name;

const PREFIX = /^(uri|dns|jwt|group|token):/;

/** A principal as a binding names it. A URI with `://` may stand without its prefix. */
export const bindablePrincipal = z
  .string()
  .refine(isPrincipalName, 'must be 1 to 512 printable characters, without space around them')
  .transform((text, ctx) => {
    const [, kind] = PREFIX.exec(text) ?? [];
    if (kind === 'dns') return principalNames.dns(text.slice('dns:'.length));
    const isToken = kind === 'token' && TokenName.safeParse(text.slice('token:'.length)).success;
    const hasIssuer = /^(?:jwt|group):[^#]+#.+$/.test(text);
    if (kind === 'uri' || isToken || ((kind === 'jwt' || kind === 'group') && hasIssuer)) return text;
    if (kind === undefined && /^[A-Za-z][A-Za-z0-9+.-]*:\/\/./.test(text)) return principalNames.uri(text);
    ctx.addIssue({
      code: 'custom',
      message:
        'must be a URI such as spiffe://example.com/billing, uri:URI, dns:NAME, jwt:ISSUER#SUBJECT, ' +
        'group:ISSUER#GROUP or token:NAME',
    });
    return z.NEVER;
  });
