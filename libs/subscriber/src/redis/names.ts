/** The Redis keys that a consumer may use, as the events contract defines them. */
export interface Names {
  events: string;
  /** The consumer's own stream. */
  acks(consumer: string): string;
  /** That of all consumers, for an earlier version of Rekey. */
  sharedAcks: string;
  consumers: string;
  orgs: string;
  uncertain: string;
  assistants(orgId: string): string;
  current(assistantId: string): string;
}

export const namesUnder = (prefix: string): Names => ({
  events: `{${prefix}}:events`,
  acks: (consumer) => `{${prefix}}:acks:${encodeURIComponent(consumer)}`,
  sharedAcks: `{${prefix}}:acks`,
  consumers: `{${prefix}}:consumers`,
  orgs: `{${prefix}}:orgs`,
  uncertain: `{${prefix}}:uncertain`,
  assistants: (orgId) => `{${prefix}}:assistants:${encodeURIComponent(orgId)}`,
  current: (assistantId) => `{${prefix}}:current:${encodeURIComponent(assistantId)}`,
});
