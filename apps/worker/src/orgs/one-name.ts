import type { InventClient, Target } from '@rekey/invent';
import type { Ledger } from '@rekey/ledger';

/** The orgs that anything was published under. What is still under `c` counts under its real name. */
export const orgsByOneName = async (
  ledger: Pick<Ledger, 'orgs'>,
  nameOf: (orgId: string) => string,
): Promise<{ orgId: string; assistants: number }[]> => {
  const counts = new Map<string, number>();
  for (const { orgId, assistants } of await ledger.orgs.list())
    counts.set(nameOf(orgId), (counts.get(nameOf(orgId)) ?? 0) + assistants);
  return [...counts].map(([orgId, assistants]) => ({ orgId, assistants }));
};

/**
 * Sends requests under the one name of each org. Invent then refuses an API key that is of another org by
 * now, instead of showing the assistants of that org as `c`.
 */
export const askByOneName = (invent: InventClient, nameOf: (orgId: string) => string): InventClient => {
  const named = <T extends Target>(target: T): T =>
    nameOf(target.orgId) === target.orgId ? target : { ...target, orgId: nameOf(target.orgId) };
  return {
    rotateSecretKey: (target, options) => invent.rotateSecretKey(named(target), options),
    getAssistant: (target, options) => invent.getAssistant(named(target), options),
    listAssistants: (orgId, page, options) => invent.listAssistants(nameOf(orgId), page, options),
    close: () => invent.close(),
  };
};
