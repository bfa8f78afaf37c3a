/** The orgs, and the assistants that exist in them from the start. */
export interface Population {
  /** The ids of the assistants of each org. */
  readonly ids: Map<string, string[]>;
  /** The org that an API key belongs to, and those that it may use. */
  orgsOf(apiKey: string): { own: string; may: ReadonlySet<string> } | undefined;
  /** The org in which an assistant exists from the start. */
  initialOrgOf(assistantId: string): string | undefined;
}

export interface PopulationOptions {
  orgId: string;
  apiKey: string;
  subOrgs: number;
  /** The number of assistants in each org. */
  assistants: number;
}

export const createPopulation = (options: PopulationOptions): Population => {
  const { orgId, apiKey, subOrgs, assistants } = options;
  const subOrgIds = Array.from({ length: subOrgs }, (_, i) => `${orgId}_sub${i + 1}`);
  const idsOf = (prefix: string) => Array.from({ length: assistants }, (_, i) => `${prefix}${i + 1}`);
  const ids = new Map([[orgId, idsOf('ast_')]]);
  const apiKeys = new Map([[apiKey, { own: orgId, may: new Set([orgId, ...subOrgIds]) }]]);
  for (const [index, sub] of subOrgIds.entries()) {
    ids.set(sub, idsOf(`ast_s${index + 1}_`));
    apiKeys.set(`${apiKey}-sub${index + 1}`, { own: sub, may: new Set([sub]) });
  }
  return {
    ids,
    orgsOf: (key) => apiKeys.get(key),
    initialOrgOf: (assistantId) => {
      const match = /^ast_(?:s(\d+)_)?(\d+)$/.exec(assistantId);
      if (!match) return undefined;
      const index = Number(match[2]);
      if (index < 1 || index > assistants || String(index) !== match[2]) return undefined;
      return match[1] === undefined ? orgId : subOrgIds[Number(match[1]) - 1];
    },
  };
};
