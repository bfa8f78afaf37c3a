/** The Redis keys that a consumer may use, as the events contract defines them. */
export interface Names {
  events: string;
  acks: string;
  consumers: string;
  orgs: string;
  uncertain: string;
  assistants(orgId: string): string;
  current(assistantId: string): string;
}

export const namesUnder = (prefix: string): Names => ({
  events: `{${prefix}}:events`,
  acks: `{${prefix}}:acks`,
  consumers: `{${prefix}}:consumers`,
  orgs: `{${prefix}}:orgs`,
  uncertain: `{${prefix}}:uncertain`,
  assistants: (orgId) => `{${prefix}}:assistants:${encodeURIComponent(orgId)}`,
  current: (assistantId) => `{${prefix}}:current:${encodeURIComponent(assistantId)}`,
});
