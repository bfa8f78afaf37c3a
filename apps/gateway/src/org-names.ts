import { ORG_ALIAS } from '@rekey/schema';
import type { ServiceMethod, StreamingMethods } from './service-method.ts';

/** Which org `c` stands for at this moment; `c` itself until that is known. */
export type OrgNames = () => Promise<string>;

/**
 * Says the same of a message with another name for `c`. A message that does not name it is the same object,
 * and costs no look at Redis.
 */
const renamed = async <M>(message: M, orgNames: OrgNames): Promise<M> => {
  if (!namesAlias(message)) return message;
  const orgId = await orgNames();
  return orgId === ORG_ALIAS ? message : rename(message, orgId);
};

type Fields = Record<string, unknown>;
const isMessage = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
/**
 * In the contract an org stands in `org_id`, or among `orgs`; in a message, or in one of a list of messages
 * in it.
 */
const isAliasIn = (fields: Fields): boolean =>
  fields['orgId'] === ORG_ALIAS || (Array.isArray(fields['orgs']) && fields['orgs'].includes(ORG_ALIAS));
const namesAlias = (message: unknown): boolean =>
  isMessage(message) &&
  (isAliasIn(message) ||
    Object.values(message).some((value) =>
      Array.isArray(value)
        ? value.some((one) => isMessage(one) && isAliasIn(one))
        : isMessage(value) && isAliasIn(value),
    ));

const renameIn = (value: unknown, orgId: string): unknown => {
  if (!isMessage(value) || !isAliasIn(value)) return value;
  const orgs = Array.isArray(value['orgs'])
    ? { orgs: [...new Set(value['orgs'].map((org: unknown) => (org === ORG_ALIAS ? orgId : org)))] }
    : {};
  return { ...value, ...orgs, ...(value['orgId'] === ORG_ALIAS && { orgId }) };
};
const rename = <M>(message: M, orgId: string): M => {
  const inner = Object.fromEntries(
    Object.entries(message as Fields).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.map((one) => renameIn(one, orgId)) : renameIn(value, orgId),
    ]),
  );
  return renameIn(inner, orgId) as M;
};

async function* renamedEach<M>(messages: AsyncIterable<M>, orgNames: OrgNames): AsyncGenerator<M> {
  for await (const message of messages) yield await renamed(message, orgNames);
}

/**
 * The one place in which the gateway translates `c`: in every request before its handler sees it, and in
 * every response.
 */
export const byOneName = (
  orgNames: OrgNames,
  method: ServiceMethod,
  streaming: StreamingMethods,
): { method: ServiceMethod; streaming: StreamingMethods } => ({
  method: (handler) =>
    method(async (request, context) =>
      renamed(await handler(await renamed(request, orgNames), context), orgNames),
    ),
  streaming: {
    clientStreaming: (handler) =>
      streaming.clientStreaming(async (messages, context) =>
        renamed(await handler(renamedEach(messages, orgNames), context), orgNames),
      ),
    serverStreaming: (handler) =>
      streaming.serverStreaming(async function* (request, context) {
        yield* renamedEach(handler(await renamed(request, orgNames), context), orgNames);
      }),
  },
});
