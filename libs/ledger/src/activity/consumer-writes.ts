import { LOCAL_ACTOR, systemActor, type Actor, type Consumer } from '@rekey/schema';
import { namesText } from './state-text.ts';

/** What a write means, for its record of activity. `other`: it follows from an earlier change. */
export interface ActivityOfWrite {
  what:
    'added' | 'orgs-set' | 'removed' | 'granted' | 'trusted' | 'token-created' | 'token-revoked' | 'other';
  actor: Actor;
  target?: string;
  org?: string;
  before?: string;
  after?: string;
}

/** A write that repairs, or that notes what Rekey has found. */
export const NO_ACTIVITY: ActivityOfWrite = { what: 'other', actor: systemActor('consumers') };

/** A consumer or token of one org concerns that org; any other concerns Rekey as a whole. */
export const onlyOrg = (orgs: readonly string[]): { org?: string } =>
  orgs.length === 1 && orgs[0] !== '*' ? { org: orgs[0]! } : {};

/** The activity of adding, changing or removing a consumer. Without an actor: of workers, which grant. */
export const activityOfWrite = (
  name: string,
  before: { consumer: Consumer; storedOrgs: readonly string[] } | undefined,
  after: Consumer | undefined,
  actor: Actor | undefined,
): ActivityOfWrite => {
  const target = `consumer:${name}`;
  const by = { actor: actor ?? LOCAL_ACTOR, target };
  if (after === undefined) {
    const orgs = before?.consumer.orgs ?? [];
    return { what: 'removed', ...by, ...onlyOrg(orgs), ...(before && { before: namesText(orgs) }) };
  }
  const orgs = namesText(after.orgs);
  if (before === undefined) return { what: 'added', ...by, ...onlyOrg(after.orgs), after: orgs };
  const byWorker = { actor: actor ?? NO_ACTIVITY.actor, target };
  if (after.grant !== before.consumer.grant)
    return { what: 'granted', ...byWorker, ...onlyOrg(after.orgs), after: after.state };
  const stored = namesText(before.storedOrgs);
  return stored === orgs ? NO_ACTIVITY : { what: 'orgs-set', ...byWorker, before: stored, after: orgs };
};
