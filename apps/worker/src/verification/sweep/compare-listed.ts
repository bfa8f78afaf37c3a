import type { Page } from '@rekey/invent';
import type { Comparison } from '@rekey/ledger';
import { findingOf } from '../../publishing/finding.ts';
import { redisNowMs } from '../../shared/clock.ts';
import type { Listed } from '../lists/list-evidence.ts';
import { readList, type Listing } from '../lists/read-list.ts';
import { readPage } from '../lists/read-page.ts';
import { setAside } from '../quarantine.ts';
import { checkDiffering, readInstead } from './check-listed.ts';
import { importUnseen, sampleKeyless } from './import-unseen.ts';
import { holdIfUnshown } from './judge-list.ts';
import { evidenceOf, type OrgSweep, type SweepDeps } from './sweep-run.ts';
import { verifyRecords } from './verify-records.ts';

/**
 * Compares what upstream lists of an org, or finds by a search term, with what is published. A list is
 * evidence and not proof (see readList). Everything that was listed is compared, even if the list is
 * incomplete.
 */
export const compareListed = async (deps: SweepDeps, run: OrgSweep, search?: string): Promise<Listing> => {
  const { clock, ledger, logger } = deps;
  const beganMs = redisNowMs(clock, run.anchor);
  const orgs = await ledger.orgs.list();
  const listing = await readList({
    known: orgs.find(({ orgId }) => orgId === run.orgId)?.assistants ?? 0,
    lacksKnown: async () =>
      search === undefined &&
      (await ledger.assistants.notSeenSince(run.orgId, beganMs, { offset: 0, size: 1 })).length > 0,
    thorough: run.thorough ?? false,
    save: run.save,
    read: (number, tries) => readPage(deps, run, number, { tries, search }),
    take: (records, readMs) => takeRecords(deps, run, records, readMs),
  });
  const { complete, count, counted, unreadable } = listing;
  if (!complete) logger.event('list_incomplete', { org_id: run.orgId, listed: count, counted, unreadable });
  return listing;
};

const takeRecords = async (
  deps: SweepDeps,
  run: OrgSweep,
  records: Page['records'],
  readMs: number,
): Promise<number> => {
  const listed = records.map((record): Listed => {
    const finding = findingOf(record);
    return {
      assistantId: record.id,
      state: record.masked ? '' : deps.publisher.stateOf(finding),
      finding,
      ...(record.tooLarge && { tooLarge: true }),
    };
  });
  const unseen = await comparePage(deps, run, listed, readMs);
  await run.onPresent?.(
    listed.flatMap(({ assistantId, finding }) =>
      'removal' in finding && finding.removal === 'deleted' ? [] : [assistantId],
    ),
  );
  await run.save();
  return unseen;
};

/** Compares a page, and resolves what differs. Returns how many of it were never published. */
const comparePage = async (
  deps: SweepDeps,
  run: OrgSweep,
  page: Listed[],
  beganMs: number,
): Promise<number> => {
  const { ledger, readLagMs } = deps;
  const evidence = await evidenceOf(deps, run);
  const listed = evidence.shown(page);
  const words = await ledger.assistants.compare({ beganMs, lagMs: readLagMs }, listed);
  run.counts.compared += listed.length;
  await noteSizes(deps, run.orgId, listed, beganMs);
  const { unseen, unshown, agreeing, neverPublished } = await sortPage(deps, run, listed, words);
  evidence.noteKnown(listed.length - neverPublished);
  await checkDiffering(deps, run, evidence.releaseSome());
  if (unshown.length > 1 && evidence.isUnshownNew()) await holdIfUnshown(deps, run, unshown);
  await readInstead(deps, run, unshown, 'known');
  await importUnseen(deps, run, unseen, beganMs);
  await sampleKeyless(deps, run, listed, agreeing);
  await verifyRecords(deps, run, agreeing, beganMs);
  return unseen.length;
};

/** What a page holds, by the ledger's comparison. */
interface SortedPage {
  /** Never published. */
  unseen: Listed[];
  /** Ids of known assistants whose key is not shown. */
  unshown: string[];
  agreeing: Listed[];
  neverPublished: number;
}

const sortPage = async (
  deps: SweepDeps,
  { orgId, counts, evidence }: OrgSweep,
  listed: Listed[],
  words: Comparison[],
): Promise<SortedPage> => {
  const { ledger, readLagMs } = deps;
  const sorted: SortedPage = { unseen: [], unshown: [], agreeing: [], neverPublished: 0 };
  for (const [i, one] of listed.entries()) {
    const target = { orgId, assistantId: one.assistantId };
    switch (words[i] as Comparison) {
      case 'agrees':
        sorted.agreeing.push(one);
        break;
      case 'keyless':
        sorted.neverPublished += 1;
        sorted.agreeing.push(one);
        break;
      case 'unseen':
        sorted.neverPublished += 1;
        sorted.unseen.push(one);
        break;
      case 'unshown':
        sorted.unshown.push(one.assistantId);
        break;
      case 'differs':
        evidence!.defer(one);
        break;
      case 'held':
        counts.held += 1;
        break;
      case 'young':
      case 'stale':
        counts.unresolved += 1;
        await ledger.assistants.requestCheck(target, readLagMs, { slow: true });
        break;
      case 'corrupt':
        counts.unresolved += 1;
        await setAside(deps, target);
    }
  }
  return sorted;
};

/**
 * No rotate request is sent for an assistant whose record could not be read back, until that record is
 * shorter.
 */
const noteSizes = async (
  { ledger, logger }: SweepDeps,
  orgId: string,
  listed: Listed[],
  nowMs: number,
): Promise<void> => {
  for (const { assistantId, tooLarge } of listed) {
    if (tooLarge && (await ledger.assistants.noteTooLarge({ orgId, assistantId }, nowMs)))
      logger.event('record_too_large', { org_id: orgId, assistant_id: assistantId });
  }
  await ledger.assistants.noteFits(
    listed.filter(({ tooLarge }) => !tooLarge).map(({ assistantId }) => assistantId),
  );
};
