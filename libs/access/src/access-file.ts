import { OrgId, isLoopbackHost } from '@rekey/schema';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { bindablePrincipal, isPrincipalName } from './principals.ts';
import { ROLES_IN_WORDS, consumerOfRole, isRole, type Role as AnyRole } from './permissions.ts';

/** The signing algorithms of JWTs that can be allowed: none with a shared secret, and never `none`. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const;

const nonEmpty = z.string().min(1, 'must not be empty').max(2048, 'must be at most 2048 characters');
/** Whatever a URL parser would take for one, also `https:` and `http:host`; a path begins otherwise. */
const URL_LIKE = /^\s*[a-z][a-z0-9+.-]+:/i;

/** An https URL, http on loopback, or the path of a file. */
const Jwks = nonEmpty.refine((text) => {
  if (!URL_LIKE.test(text)) return true;
  if (!/^https?:\/\/[^\s/]/i.test(text) || !URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  return protocol === 'https:' || isLoopbackHost(hostname);
}, 'must be an https URL, an http URL on loopback, or the path of a file');

/** Its name stands before `#` in the names of its callers. */
const IssuerName = nonEmpty
  .refine(isPrincipalName, 'must be 1 to 512 printable characters, without space around them')
  .refine((name) => !name.includes('#'), 'must not contain #');

const Issuer = z.strictObject({
  issuer: IssuerName,
  audience: nonEmpty,
  algorithms: z.array(z.enum(ALGORITHMS)).min(1, 'must name at least one algorithm'),
  jwks: Jwks,
  /** The claim with the groups of a caller. */
  groups: nonEmpty.optional(),
});

const Org = z.union([z.literal('*'), OrgId], { error: 'must be an org id, or "*" for every org' });

const Role = z.string().refine(isRole, `must be one of ${ROLES_IN_WORDS}`) as z.ZodType<AnyRole, string>;

const EVERY_ORG = ['*'];
const isEveryOrg = (orgs: readonly string[]): boolean => orgs.length === 1 && orgs[0] === EVERY_ORG[0];

const Binding = z
  .strictObject({
    principals: z.array(bindablePrincipal).min(1, 'must name at least one principal'),
    role: Role,
    orgs: z.array(Org).min(1, 'must name at least one org, or "*" for every org').optional(),
  })
  .superRefine(({ role, orgs }, ctx) => {
    const issue = (message: string) => ctx.addIssue({ code: 'custom', path: ['orgs'], message });
    if (consumerOfRole(role) === undefined) {
      if (orgs === undefined) issue('must name at least one org, or "*" for every org');
    } else if (orgs !== undefined && !isEveryOrg(orgs))
      issue('must be left out for a consumer: its orgs are set with rekey consumer orgs');
  })
  .transform(({ orgs = EVERY_ORG, ...binding }) => ({ ...binding, orgs }));

const repeated = (values: readonly string[]): string | undefined =>
  values.find((value, i) => values.indexOf(value) !== i);

const AccessFile = z
  .strictObject({
    issuers: z.array(Issuer).default([]),
    bindings: z.array(Binding).min(1, 'must have at least one binding: without one, nobody may do anything'),
  })
  .superRefine(({ issuers, bindings }, ctx) => {
    const twice = repeated(issuers.map(({ issuer }) => issuer));
    if (twice !== undefined)
      ctx.addIssue({ code: 'custom', path: ['issuers'], message: `must name each issuer once: ${twice}` });
    bindings.forEach((binding, i) => {
      for (const [field, noun] of Object.entries({ principals: 'principal', orgs: 'org' } as const)) {
        const named = repeated(binding[field as 'principals' | 'orgs']);
        if (named === undefined) continue;
        const message = `must name each ${noun} once: ${named}`;
        ctx.addIssue({ code: 'custom', path: ['bindings', i, field], message });
      }
    });
  });
export type AccessFile = z.infer<typeof AccessFile>;
export type IssuerConfig = z.infer<typeof Issuer>;

/** Why an access file cannot be used: a line for each fault. */
export class AccessFileError extends Error {
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(faults.join('\n'));
    this.name = 'AccessFileError';
    this.faults = faults;
  }
}

const pathOf = (path: readonly PropertyKey[]): string =>
  path
    .map((part) => (typeof part === 'number' ? `[${part + 1}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');

/** Parses the text of an access file. Throws an AccessFileError that names every fault. */
export const parseAccessFile = (text: string): AccessFile => {
  const document = parseDocument(text, { uniqueKeys: true, prettyErrors: true, maxAliasCount: 0 } as object);
  if (document.errors.length > 0)
    throw new AccessFileError(document.errors.map(({ message }) => message.split('\n', 1)[0]!));
  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: 0 });
  } catch (error) {
    throw new AccessFileError([(error as Error).message]);
  }
  const parsed = AccessFile.safeParse(content ?? {});
  if (parsed.success) return parsed.data;
  throw new AccessFileError(
    parsed.error.issues.map(({ path, message }) => `${pathOf(path) || 'the file'}: ${message}`),
  );
};
