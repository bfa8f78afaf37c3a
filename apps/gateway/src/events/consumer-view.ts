import { mayRead } from '@rekey/schema';
import type { EventFacts } from './event-facts.ts';

/** What a consumer is served by. */
export interface ConsumerView {
  name: string;
  /** Its entry; undefined if it is not registered. Its orgs are then those that it had. */
  entry: string | undefined;
  orgs: readonly string[];
  /** That of the keys in its grant. */
  kid: string | undefined;
}

/**
 * `whole`: it is sent as it is. `withheld`: the consumer learns that the assistant has left its orgs.
 * `skipped`: it learns nothing but the number.
 */
type Verdict = 'whole' | 'withheld' | 'skipped';

const sees = ({ orgs }: ConsumerView, orgId: string | undefined): boolean =>
  orgId !== undefined && mayRead({ orgs: orgs as string[] }, orgId);

/** Whether a consumer receives an event about an assistant, or the current record of one. */
const verdictOfAssistant = (view: ConsumerView, facts: EventFacts): Verdict => {
  if (
    view.orgs.includes('*') ||
    sees(view, facts.orgId) ||
    (view.kid !== undefined && facts.kids.includes(view.kid))
  )
    return 'whole';
  return sees(view, facts.movedFrom) ? 'withheld' : 'skipped';
};

/** Whether a consumer receives an entry of the stream. */
export const verdictOf = (view: ConsumerView, facts: EventFacts): Verdict => {
  if (facts.kind === 'malformed' || view.orgs.includes('*')) return 'whole';
  if (facts.kind === 'consumer') return facts.subject === view.name ? 'whole' : 'skipped';
  return facts.kind === 'assistant' ? verdictOfAssistant(view, facts) : 'skipped';
};

/** The same of a current record. `formerOrgs`: those that its assistant was published under before. */
export const verdictOfRecord = (
  view: ConsumerView,
  facts: EventFacts,
  formerOrgs: readonly string[],
): Verdict => {
  const verdict = verdictOfAssistant(view, facts);
  return verdict === 'skipped' && formerOrgs.some((orgId) => sees(view, orgId)) ? 'withheld' : verdict;
};
