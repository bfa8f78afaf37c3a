import {
  listCostsLess,
  verifyRequests,
  IDS_A_CHUNK,
  createDistinctIds,
  type DistinctIds,
  type KeyFacts,
} from '@rekey/ledger';
import { ORG_ALIAS, failureLetters, type BulkRotation, type ErrorCode } from '@rekey/schema';
import { needsOperator } from '../../shared/needs-operator.ts';
import { SweepFailure } from '../../verification/sweep-failure.ts';
import { sweepOrg } from '../../verification/sweep/sweep-org.ts';
import { saved } from './bulk-lost.ts';
import { createSweepRun, throwIfStopping, type BulkTaskDeps } from './bulk-task-deps.ts';
import { checkAtLength } from './check-at-length.ts';
import { knownOf, takes } from './estimate.ts';

/** A dry run of named assistants: finds those that are unknown upstream, or deleted. */
export const validateNamed = async (
  deps: BulkTaskDeps,
  { id, orgId, counts: { total } }: BulkRotation,
  token: string,
): Promise<void> => {
  const { work } = deps;
  const known = await knownOf(deps, orgId);
  const list = listCostsLess(total, known) ? await listNamed(deps, orgId) : undefined;
  const readOne = async (assistantId: string): Promise<string> => {
    throwIfStopping(deps);
    return letterOfOne(deps, orgId, assistantId);
  };
  let valid = 0;
  for (let chunk = 0; chunk * IDS_A_CHUNK < total; chunk += 1) {
    const ids = await work.ids(id, chunk);
    const letters = list
      ? await lettersOfListed(deps, ids, list.listed, list.complete ? undefined : readOne)
      : await lettersOneByOne(ids, readOne);
    valid += letters.filter((letter) => letter === 'v').length;
    throwIfStopping(deps);
    await saved(work.saveLetters(id, token, chunk * IDS_A_CHUNK, letters.join('')));
  }
  await saved(work.endDryRun(id, token, takes(valid + verifyRequests(valid, known), deps)));
};

const listNamed = async (
  deps: BulkTaskDeps,
  orgId: string,
): Promise<{ listed: DistinctIds; complete: boolean }> => {
  const listed = createDistinctIds();
  const save = async () => throwIfStopping(deps);
  const run = await createSweepRun(deps, orgId, save, async (present) =>
    present.forEach((assistantId) => listed.add(assistantId)),
  );
  const { complete } = await sweepOrg(deps, run);
  return { listed, complete };
};

/** An incomplete list proves nothing about assistants that it does not hold: these are read one by one. */
const lettersOfListed = async (
  { ledger }: BulkTaskDeps,
  ids: string[],
  listed: DistinctIds,
  readOne: ((assistantId: string) => Promise<string>) | undefined,
): Promise<string[]> => {
  const facts = await ledger.assistants.keyFacts(ids);
  const letters: string[] = [];
  for (const [i, assistantId] of ids.entries()) {
    // No id is named twice: one that was added before was listed.
    const isListed = !listed.add(assistantId);
    if (facts[i]?.corrupt) letters.push('I');
    else if (isListed) letters.push('v');
    else letters.push(readOne ? await readOne(assistantId) : letterOfMissing(facts[i]));
  }
  return letters;
};

const lettersOneByOne = async (
  ids: string[],
  readOne: (assistantId: string) => Promise<string>,
): Promise<string[]> => {
  const letters: string[] = [];
  for (const assistantId of ids) letters.push(await readOne(assistantId));
  return letters;
};

const letterOfOne = async (deps: BulkTaskDeps, orgId: string, assistantId: string): Promise<string> => {
  const { ledger } = deps;
  const [before] = await ledger.assistants.keyFacts([assistantId]);
  if (isOfAnother(before, orgId)) return 'A';
  const result = await checkAtLength(deps, { orgId, assistantId });
  if (result.kind === 'corrupt') return 'I';
  if (result.elsewhere) return 'A';
  if (result.kind === 'unreadable') {
    if (needsOperator.has(result.code)) throw new SweepFailure(result.code);
    return letterOfCode(result.code);
  }
  const [facts] = await ledger.assistants.keyFacts([assistantId]);
  return facts?.state === undefined || facts.state === 'deleted' ? letterOfMissing(facts) : 'v';
};

const letterOfMissing = (facts: KeyFacts | undefined): string => (facts?.state === 'deleted' ? 'B' : 'A');
const letterOfCode = (code: ErrorCode): string =>
  Object.entries(failureLetters).find(([, meant]) => meant === code)?.[0] ?? 'H';

/**
 * Whether an assistant is known to be in another org: this org does not have it, and no request is needed.
 */
const isOfAnother = (facts: KeyFacts | undefined, orgId: string): boolean =>
  facts?.orgId !== undefined &&
  facts.state !== 'deleted' &&
  facts.orgId !== orgId &&
  facts.orgId !== ORG_ALIAS &&
  orgId !== ORG_ALIAS;
