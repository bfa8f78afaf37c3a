/* Written by `npm run generate` from the headers of the Lua commands. Do not edit. */
import { unexpectedReply, type RunCommand } from '../scripts/run.ts';

interface BeginCheckInput {
  assistant: string;
}
type BeginCheckReply =
  /** `uncertain`: consumers were told so. `org`: the org id that it was last published under, percent-encoded. `too_large`: its record was too long to be read */
  | {
      kind: 'begun';
      epoch: number;
      nowMs: number;
      keyState: string | undefined;
      version: number | undefined;
      uncertain: boolean;
      org: string | undefined;
      tooLarge: boolean;
    }
  /** a rotation holds it, and reads it itself; or the clock of Redis is out of step */
  | { kind: 'held'; waitMs: number };
const readBeginCheckReply = (reply: unknown[]): BeginCheckReply => {
  switch (reply[0]) {
    case 'BEGUN':
      return {
        kind: 'begun',
        epoch: Number(reply[1]),
        nowMs: Number(reply[2]),
        keyState: reply[3] === '' ? undefined : String(reply[3]),
        version: reply[4] === '' ? undefined : Number(reply[4]),
        uncertain: reply[5] === '1',
        org: reply[6] === '' ? undefined : String(reply[6]),
        tooLarge: reply[7] === '1',
      };
    case 'HELD':
      return { kind: 'held', waitMs: Number(reply[1]) };
    default:
      throw unexpectedReply('begin-check', reply);
  }
};

interface CommitInput {
  versions: {
    /** of a check: its assistant again */
    rotation: string;
    assistant: string;
    /** the current record */
    current: string;
    /** the open intents of the org */
    intents: string;
    /** the rotation id; absent for a check */
    id?: string | undefined;
    /** also the version */
    epoch: number;
    /** a fingerprint, `no-key` or `deleted` */
    state: string;
    cause: string;
    /** the event before its numbers `seq` and `run` */
    head: string;
    /** the event after them */
    tail: string;
    /** the length of the stream */
    keep: number;
    /** as the worker computes Redis time for the event */
    committedMs: number;
    /** `ends`; `satisfied`: the key is found, but the landing window is open; `continues`; or the error code that the rotation fails with */
    becomes: string;
    org: string;
    /** percent-encoded */
    encodedOrg: string;
    assistantId: string;
    /** when the read began; absent for a response to a POST */
    readMs?: number | undefined;
    /** how far a read may lag behind */
    lagMs: number;
    /** when the assistant is checked again */
    checkInMs?: number | undefined;
    /** resets the consecutive unknown outcomes of the org */
    endsUnknowns: boolean;
    /** the revision of the consumers at which the event was sealed */
    recipients?: string | undefined;
    /** for how long reads have to agree that there is no key */
    confirmMs: number;
    /** the share of an org that may change before an operator decides */
    maxPercent: number;
    /** of a response to a POST: `since` if its record was changed since the POST left, `before` if not. Of what a rotation reads: `before` if the record was last changed before the rotation began */
    noted?: string | undefined;
    /** with no key: when another assistant of the org was read with its key */
    witnessedMs?: number | undefined;
  }[];
}
type CommitAnswer =
  /** `entry`: of the stream */
  | { kind: 'committed'; seq: number; entry: string }
  /** the same commit arrived before; its response was lost */
  | { kind: 'already'; seq: number }
  /** another holds the claim, or a newer version is published: nothing was written. For a response to a POST the assistant is read at once, because a key was made that is not published */
  | { kind: 'refused'; version: number }
  /** the response to a POST has an earlier key, or that of another assistant, and says nothing about the POST: nothing was written */
  | { kind: 'old'; version: number }
  /** the read shows a superseded key. It is noted; read again */
  | { kind: 'stale'; version: number; waitMs: number }
  /** the same, and enough reads agree that the key is in force again: commit with the cause `rollback` */
  | { kind: 'confirmed' }
  /** the key is in force, but older than the rotation: commit it as one that `continues` */
  | { kind: 'before' }
  /** the read shows no key. It is noted; read again */
  | { kind: 'unconfirmed'; waitMs: number }
  /** reads agree that there is no key. Read this other assistant of the org, then this one again. If the other shows no key either, Invent shows no keys, or another org's. A read from before the other's may be from a time when Invent showed none */
  | { kind: 'unwitnessed'; witness: string }
  /** too much of the org has changed, or the org is held: an operator decides */
  | { kind: 'withheld'; code: string }
  /** consumers were added or removed since it was sealed: nothing was written */
  | { kind: 'recipients' }
  /** the read may be older than what is published; read again */
  | { kind: 'doubted'; waitMs: number }
  /** an entry has the wrong type: nothing was written */
  | { kind: 'broken'; failure: string };
const readCommitAnswer = (reply: unknown[]): CommitAnswer => {
  switch (reply[0]) {
    case 'COMMITTED':
      return { kind: 'committed', seq: Number(reply[1]), entry: String(reply[2]) };
    case 'ALREADY':
      return { kind: 'already', seq: Number(reply[1]) };
    case 'REFUSED':
      return { kind: 'refused', version: Number(reply[1]) };
    case 'OLD':
      return { kind: 'old', version: Number(reply[1]) };
    case 'STALE':
      return { kind: 'stale', version: Number(reply[1]), waitMs: Number(reply[2]) };
    case 'CONFIRMED':
      return { kind: 'confirmed' };
    case 'BEFORE':
      return { kind: 'before' };
    case 'UNCONFIRMED':
      return { kind: 'unconfirmed', waitMs: Number(reply[1]) };
    case 'UNWITNESSED':
      return { kind: 'unwitnessed', witness: String(reply[1]) };
    case 'WITHHELD':
      return { kind: 'withheld', code: String(reply[1]) };
    case 'RECIPIENTS':
      return { kind: 'recipients' };
    case 'DOUBTED':
      return { kind: 'doubted', waitMs: Number(reply[1]) };
    case 'BROKEN':
      return { kind: 'broken', failure: String(reply[1]) };
    default:
      throw unexpectedReply('commit', reply);
  }
};
type CommitReply =
  /** one for each version, in order */
  { kind: 'done'; answers: CommitAnswer[] };
const readCommitReply = (reply: unknown[]): CommitReply => {
  switch (reply[0]) {
    case 'DONE':
      return { kind: 'done', answers: reply.slice(1).map((one) => readCommitAnswer(one as unknown[])) };
    default:
      throw unexpectedReply('commit', reply);
  }
};

interface CompareInput {
  /** when the read began */
  readMs: number;
  /** how far a read may lag behind */
  lagMs: number;
  records: {
    assistant: string;
    assistantId: string;
    /** the key state; absent if the record does not show its key */
    state?: string | undefined;
  }[];
}
type CompareReply = { kind: 'compared'; words: string[] };
const readCompareReply = (reply: unknown[]): CompareReply => {
  switch (reply[0]) {
    case 'COMPARED':
      return { kind: 'compared', words: reply.slice(1).map(String) };
    default:
      throw unexpectedReply('compare', reply);
  }
};

interface DrawChecksInput {
  checks: string;
  /** how many at most */
  count: number;
  /** how long a check may take */
  takeMs: number;
}
type DrawChecksReply =
  /** until when they are put off, and each as ORG/ASSISTANT or ORG/ASSISTANT/MARK */
  { kind: 'drawn'; untilMs: number; checks: string[] };
const readDrawChecksReply = (reply: unknown[]): DrawChecksReply => {
  switch (reply[0]) {
    case 'DRAWN':
      return { kind: 'drawn', untilMs: Number(reply[1]), checks: reply.slice(2).map(String) };
    default:
      throw unexpectedReply('draw-checks', reply);
  }
};

interface EndCheckInput {
  /** the checks that it was drawn from */
  from: string;
  /** the checks that it is put off to */
  to: string;
  check: string;
  /** until when it was put off when it was drawn */
  untilMs: number;
  /** when it is made again; absent if it has ended */
  againInMs?: number | undefined;
}
type EndCheckReply =
  | { kind: 'ended' }
  /** it was requested again */
  | { kind: 'asked' };
const readEndCheckReply = (reply: unknown[]): EndCheckReply => {
  switch (reply[0]) {
    case 'ENDED':
      return { kind: 'ended' };
    case 'ASKED':
      return { kind: 'asked' };
    default:
      throw unexpectedReply('end-check', reply);
  }
};

interface MarkUncertainInput {
  assistant: string;
  /** of the check */
  epoch: number;
  /** the event before its numbers `seq` and `run` */
  head: string;
  /** the event after them */
  tail: string;
  /** the length of the stream */
  keep: number;
  assistantId: string;
  /** the revision of the consumers at which the event was sealed */
  recipients?: string | undefined;
}
type MarkUncertainReply =
  | { kind: 'marked' }
  /** consumers were told before, or nothing is published */
  | { kind: 'known' }
  /** something has happened to the assistant since the check began: nothing was written */
  | { kind: 'refused' }
  /** consumers were added or removed since the event was sealed: nothing was written */
  | { kind: 'recipients' };
const readMarkUncertainReply = (reply: unknown[]): MarkUncertainReply => {
  switch (reply[0]) {
    case 'MARKED':
      return { kind: 'marked' };
    case 'KNOWN':
      return { kind: 'known' };
    case 'REFUSED':
      return { kind: 'refused' };
    case 'RECIPIENTS':
      return { kind: 'recipients' };
    default:
      throw unexpectedReply('mark-uncertain', reply);
  }
};

interface RequestCheckInput {
  /** the checks, or those that may take their time */
  checks: string;
  org: string;
  assistantId: string;
  /** until then at the latest */
  inMs: number;
}
type RequestCheckReply = { kind: 'requested' };
const readRequestCheckReply = (reply: unknown[]): RequestCheckReply => {
  switch (reply[0]) {
    case 'REQUESTED':
      return { kind: 'requested' };
    default:
      throw unexpectedReply('request-check', reply);
  }
};

/**
 * The commands of assistants/commands, each with named arguments and a reply that tells its kinds apart.
 */
export const assistantsCommands = (run: RunCommand) => ({
  /**
   * Begins a check of an assistant: draws the epoch under which a read may be committed, unless something else
   * happens to the assistant meanwhile. A check holds nothing: a rotation may claim the assistant at any time,
   * and the read is then refused.
   */
  beginCheck: async (input: BeginCheckInput): Promise<BeginCheckReply> =>
    readBeginCheckReply(await run('begin-check', [input.assistant], [])),
  /**
   * Publishes key versions, each independently: current record, event, channel, and the state of the rotation.
   * It also runs while Redis is out of memory.
   *
   * Keeps: versions of an assistant rise in the order of the stream; seq has no gaps; a rotation ends once. A
   * read does not contradict what has been known for less than the read lag. One of the last five superseded
   * keys is published again only when several reads agree on it, each later than the lag after the one before.
   * For more of an org at a time than its limit allows, and for a held org, no key or another key is never
   * published. The lease does not matter: a 200 commits as long as the intent that it answers is open and no
   * newer version was published. A claim that the ledger has lost with its last second does not matter either:
   * the 200 is then the only news of a key in force.
   */
  commit: async (input: CommitInput): Promise<CommitReply> =>
    readCommitReply(
      await run(
        'commit',
        input.versions.flatMap((one) => [one.rotation, one.assistant, one.current, one.intents]),
        input.versions.flatMap((one) => [
          one.id ?? '',
          one.epoch,
          one.state,
          one.cause,
          one.head,
          one.tail,
          one.keep,
          one.committedMs,
          one.becomes,
          one.org,
          one.encodedOrg,
          one.assistantId,
          one.readMs ?? '',
          one.lagMs,
          one.checkInMs ?? '',
          one.endsUnknowns ? '1' : '',
          one.recipients ?? '',
          one.confirmMs,
          one.maxPercent,
          one.noted ?? '',
          one.witnessedMs ?? '',
        ]),
      ),
    ),
  /**
   * Compares what was read with what is published. What agrees is noted as in force. The words of the reply,
   * one for each record:
   *   agrees
   *   keyless   it has no key, and none was ever published: that does not say whose it is
   *   unseen    it has a key, or may have one that is not shown, and none was ever published
   *   differs
   *   held      it differs, or was never published, but a rotation holds it and reads it itself
   *   young     it differs, but what is published has not been known for longer than reads may lag behind
   *   stale     it is a superseded key
   *   unshown   it is known, and the record does not show its key
   *   corrupt   the ledger's entry cannot be read
   */
  compare: async (input: CompareInput): Promise<CompareReply> =>
    readCompareReply(
      await run(
        'compare',
        input.records.flatMap((one) => [one.assistant]),
        [input.readMs, input.lagMs, ...input.records.flatMap((one) => [one.assistantId, one.state ?? ''])],
      ),
    ),
  /**
   * Draws assistants whose check is due, and puts each off meanwhile: if the worker dies, another one draws it
   * then.
   */
  drawChecks: async (input: DrawChecksInput): Promise<DrawChecksReply> =>
    readDrawChecksReply(await run('draw-checks', [input.checks], [input.count, input.takeMs])),
  /**
   * Ends a check that was drawn, or puts it off. A check that was requested again meanwhile stays.
   */
  endCheck: async (input: EndCheckInput): Promise<EndCheckReply> =>
    readEndCheckReply(
      await run('end-check', [input.from, input.to], [input.check, input.untilMs, input.againInMs ?? '']),
    ),
  /**
   * Tells consumers that it is unknown whether the published key is in force, because reads show an older one.
   * For a check; a rotation uses note-unknown.lua.
   *
   * Keeps: `key-uncertain` comes once before the next version, and stands in the hash of uncertain assistants.
   */
  markUncertain: async (input: MarkUncertainInput): Promise<MarkUncertainReply> =>
    readMarkUncertainReply(
      await run(
        'mark-uncertain',
        [input.assistant],
        [input.epoch, input.head, input.tail, input.keep, input.assistantId, input.recipients ?? ''],
      ),
    ),
  /**
   * Requests that an assistant is read and compared with what is published.
   */
  requestCheck: async (input: RequestCheckInput): Promise<RequestCheckReply> =>
    readRequestCheckReply(
      await run('request-check', [input.checks], [input.org, input.assistantId, input.inMs]),
    ),
});
