import { randomBytes } from 'node:crypto';
import { ORG_ALIAS, type ErrorCode } from '@rekey/schema';
import type { OrgAliasDeps } from './org-alias-deps.ts';

/** Invent could not be reached, or its answers prove nothing. */
export class Unclear extends Error {}

/** How many assistants have to answer under both names. */
const WITNESSES = 2;
/**
 * Witnesses are found among this many assistants that were seen last, and as many that were seen longest ago.
 */
const WITNESSES_TRIED = 3;
const WAIT_FOR_BUDGET_MS = 15_000;

/** How Invent may say that it has no such assistant or org, or not for this API key. */
const refusals: ReadonlySet<ErrorCode> = new Set([
  'ASSISTANT_NOT_FOUND',
  'UPSTREAM_FORBIDDEN',
  'UPSTREAM_REJECTED',
  'UPSTREAM_UNAUTHENTICATED',
]);

type Witnesses = { assistantIds: string[] } | 'none';
type Answers = 'all' | 'some' | 'none';

/**
 * What Invent answers about the org that `c` stands for. Every method throws Unclear if that proves nothing.
 */
interface AliasEvidence {
  /** Whether Invent has an assistant under an org. A refusal counts only beside an answer under `c`. */
  has(orgId: string, assistantId: string): Promise<boolean>;
  /** Assistants that Invent has under `c` now; published ones first, because these are to be renamed. */
  findWitnesses(mayList: boolean): Promise<Witnesses>;
  /**
   * Whether an org has the witnesses. A negative answer counts only while `c` still has them: for a moment
   * Invent may find nothing.
   */
  answersUnder(orgId: string, witnesses: string[]): Promise<Answers>;
  /** Why one org that has all witnesses is still not proved to be `c`; undefined if it is. */
  doubtOf(orgId: string, witnesses: string[]): Promise<string | undefined>;
}

export const createAliasEvidence = ({ alias, prober, pacer, stopping }: OrgAliasDeps): AliasEvidence => {
  const ask = async <T>(request: () => Promise<T>): Promise<T> => {
    if (stopping.aborted || (await pacer.take('sweep', WAIT_FOR_BUDGET_MS)) > 0)
      throw new Unclear('no request may leave');
    return request();
  };
  const has = async (orgId: string, assistantId: string): Promise<boolean> => {
    const outcome = await ask(() => prober.getAssistant({ orgId, assistantId }));
    if (outcome.outcome === 'read') return true;
    if (refusals.has(outcome.code)) return false;
    throw new Unclear(outcome.code);
  };
  const firstPage = async (orgId: string): Promise<string[]> => {
    const outcome = await ask(() => prober.listAssistants(orgId, 1));
    if (outcome.outcome !== 'read') throw new Unclear(outcome.code);
    return outcome.page.records.filter(({ deleted }) => !deleted).map(({ id }) => id);
  };
  const firstUnderAlias = async (assistantIds: string[]): Promise<string | undefined> => {
    for (const assistantId of assistantIds) if (await has(ORG_ALIAS, assistantId)) return assistantId;
    return undefined;
  };

  return {
    has,

    findWitnesses: async (mayList) => {
      const { newest, oldest } = await alias.sample(WITNESSES_TRIED);
      if (newest.length === 0) {
        const listed = mayList ? (await firstPage(ORG_ALIAS)).slice(0, WITNESSES) : [];
        return listed.length === 0 ? 'none' : { assistantIds: listed };
      }
      const assistantIds = new Set<string>();
      // One that was seen recently and one that was not: if the API key is of another org by now, only the
      // recent one may answer.
      for (const some of [newest, oldest]) {
        const witness =
          (await firstUnderAlias(some.filter((assistantId) => !assistantIds.has(assistantId)))) ??
          some.find((assistantId) => assistantIds.has(assistantId));
        if (witness === undefined) throw new Unclear('what is published under c does not answer under c');
        assistantIds.add(witness);
      }
      return { assistantIds: [...assistantIds] };
    },

    answersUnder: async (orgId, witnesses) => {
      const found: boolean[] = [];
      for (const assistantId of witnesses) found.push(await has(orgId, assistantId));
      const count = found.filter(Boolean).length;
      if (count === witnesses.length) return 'all';
      if (!(await has(ORG_ALIAS, witnesses[found.indexOf(false)]!)))
        throw new Unclear('Invent no longer finds it under c');
      return count === 0 ? 'none' : 'some';
    },

    doubtOf: async (orgId, [witness]) => {
      // An Invent that ignores the org of a path answers under this one too.
      if (await has(`org_${randomBytes(16).toString('base64url')}`, witness!))
        return 'Invent answers under an org id that does not exist';
      const [ofAlias, ofOrg] = [await firstPage(ORG_ALIAS), new Set(await firstPage(orgId))];
      if (!ofAlias.some((assistantId) => ofOrg.has(assistantId)))
        return 'Invent lists other assistants under the org id than under c';
      return undefined;
    },
  };
};
