import { ORG_ALIAS } from '@rekey/schema';

/** Reads the org that `c` stands for at present; `c` itself until that is known. */
export type ReadOrgName = () => Promise<string>;

type Fields = Record<string, unknown>;

const isMessage = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** In the contract, an org is a field `org_id` or an entry of `orgs`. */
const hasAlias = (fields: Fields): boolean =>
  fields['orgId'] === ORG_ALIAS || (Array.isArray(fields['orgs']) && fields['orgs'].includes(ORG_ALIAS));

/** Such a field is in the message itself, in a message inside it, or in a list of messages inside it. */
const mentionsAlias = (message: unknown): boolean =>
  isMessage(message) &&
  (hasAlias(message) ||
    Object.values(message).some((value) =>
      Array.isArray(value)
        ? value.some((one) => isMessage(one) && hasAlias(one))
        : isMessage(value) && hasAlias(value),
    ));

const replaceIn = (value: unknown, orgId: string): unknown => {
  if (!isMessage(value) || !hasAlias(value)) return value;
  const orgs = Array.isArray(value['orgs'])
    ? { orgs: [...new Set(value['orgs'].map((org: unknown) => (org === ORG_ALIAS ? orgId : org)))] }
    : {};
  return { ...value, ...orgs, ...(value['orgId'] === ORG_ALIAS && { orgId }) };
};

const replace = <M>(message: M, orgId: string): M => {
  const inner = Object.fromEntries(
    Object.entries(message as Fields).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.map((one) => replaceIn(one, orgId)) : replaceIn(value, orgId),
    ]),
  );
  return replaceIn(inner, orgId) as M;
};

/** The orgs with `c` replaced by the org that it stands for: what was stored before that was known. */
export const withRealNames = async (
  orgs: readonly string[],
  readOrgName: ReadOrgName,
): Promise<readonly string[]> => {
  if (!orgs.includes(ORG_ALIAS)) return orgs;
  const orgId = await readOrgName();
  return orgs.map((org) => (org === ORG_ALIAS ? orgId : org));
};

/**
 * The message with `c` replaced by the org that it stands for. A message that does not mention `c` is
 * returned as it is, without a read of Redis. The gateway translates `c` only in this file.
 */
export const withRealOrg = async <M>(message: M, readOrgName: ReadOrgName): Promise<M> => {
  if (!mentionsAlias(message)) return message;
  const orgId = await readOrgName();
  return orgId === ORG_ALIAS ? message : replace(message, orgId);
};
