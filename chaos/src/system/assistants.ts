export interface Target {
  orgId: string;
  assistantId: string;
}

export const ORG = 'org_demo';
/** The name under which the API key's own org can also be addressed. */
export const ORG_ALIAS = 'c';

/** The assistants that the simulator makes: `count` of the org, and as many of each of its sub-orgs. */
export const listAssistants = (count: number, subOrgs: number): Target[] => [
  ...Array.from({ length: count }, (_, i) => ({ orgId: ORG, assistantId: `ast_${i + 1}` })),
  ...Array.from({ length: subOrgs }, (_, s) =>
    Array.from({ length: count }, (_x, i) => ({
      orgId: `${ORG}_sub${s + 1}`,
      assistantId: `ast_s${s + 1}_${i + 1}`,
    })),
  ).flat(),
];

/** The assistants in an order that the seed decides, every second one of the org under the org's alias. */
export const shuffleTargets = (assistants: Target[], seed: number): Target[] =>
  assistants
    .map((target, i) => ({ target, at: (Math.imul(i + seed, 2654435761) >>> 0) % 65_536 }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ target }, i) => (target.orgId === ORG && i % 2 === 0 ? { ...target, orgId: ORG_ALIAS } : target));
