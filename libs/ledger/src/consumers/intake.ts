import { Acknowledgement, parseJson } from '@rekey/schema';
import type { HeardInstances } from './heard-instances.ts';
import type { KnownConsumers } from './known-consumers.ts';
import type { NewestReports, Report } from './newest-reports.ts';

/** Why an acknowledgement does not count. */
export type AcknowledgementRefusal =
  /** It has not the form of one, is too long, or is of no registered consumer. */
  | 'malformed'
  /** Its signature is wrong or absent. */
  | 'forged'
  /** The same, and it says that its consumer holds another grant: one of before, usually. */
  | 'other-grant'
  /** It was taken before, or one after it. */
  | 'replayed'
  /** It is not signed, and its consumer signs. */
  | 'unproved'
  /** Its consumer has too many instances. */
  | 'too-many-instances';

interface IntakeOptions {
  heard: HeardInstances;
  known: KnownConsumers;
  /** Whether a proof is the signature of a text under the key of an entry. */
  verify: (text: string, proof: string, ackKey: string) => Promise<boolean>;
  /** Registers the consumers anew: a signature that fails may be made with the key of a new grant. */
  renew: () => Promise<void>;
  onRefused: (why: AcknowledgementRefusal, count: number) => void;
}

/** Decides which acknowledgements count. */
export interface Intake {
  /** Takes what is new in the stream of a consumer: the newest of each instance. Whether one progressed. */
  takeSigned(consumer: string, reports: NewestReports, nowMs: number): Promise<boolean>;
  /** The same of the shared stream, whose entries nothing proves. */
  takeUnsigned(reports: NewestReports, nowMs: number): boolean;
}

/** Of one stream, in what is read at once. Beyond it, nothing is verified that was not begun. */
const MAX_FORGED = 100;
/** The clock of Redis may have been set back since it was sent. */
const FUTURE_MS = 60_000;

const parse = ({ text }: Report): Acknowledgement | undefined =>
  Acknowledgement.safeParse(parseJson(text)).data;

export const createIntake = (options: IntakeOptions): Intake => {
  const { heard, known, onRefused } = options;
  const refuse = (why: AcknowledgementRefusal, count = 1): void => {
    if (count > 0) onRefused(why, count);
  };
  const take = (ack: Acknowledgement, id: string, sinceMs: number, proved: boolean): boolean => {
    const heardMs = Number(id.split('-')[0]);
    const progress = heard.take({ ack, heardMs, sinceMs: Math.max(sinceMs, 0), proved });
    if (progress === 'FULL') refuse('too-many-instances');
    return progress === true;
  };

  /** Takes the newest genuine report of an instance. */
  const takeInstance = async (
    name: string,
    reports: Report[],
    nowMs: number,
    count: { forged: number },
  ): Promise<boolean> => {
    for (const report of reports) {
      if (report.number <= (heard.lastNumber(name, report.instance) ?? 0)) {
        refuse('replayed');
        return false;
      }
      if (count.forged >= MAX_FORGED) return false;
      const ackKey = await keyThatVerifies(options, name, report);
      const ack = ackKey === undefined ? undefined : parse(report);
      if (ackKey === undefined) {
        count.forged += 1;
        refuse(known.isOtherGrant(name, report.kid) ? 'other-grant' : 'forged');
      } else if (ack?.number === undefined || ack.sent_ms === undefined || ack.sent_ms > nowMs + FUTURE_MS) {
        refuse('malformed');
      } else {
        known.noteProved(name, ackKey);
        return take(ack, report.id, nowMs - ack.sent_ms, true);
      }
    }
    return false;
  };

  return {
    takeSigned: async (name, reports, nowMs) => {
      refuse('malformed', reports.foreign);
      const count = { forged: 0 };
      const progressed = await Promise.all(
        reports.all().map((ofInstance) => takeInstance(name, ofInstance, nowMs, count)),
      );
      return progressed.includes(true);
    },

    takeUnsigned: (reports, nowMs) => {
      refuse('malformed', reports.foreign);
      let progressed = false;
      for (const [newest] of reports.all()) {
        const { consumer, instance, id } = newest!;
        const ack = parse(newest!);
        if (!ack) refuse('malformed');
        // Those before the first signature may be old instances of a service that is being replaced.
        else if (known.proves(consumer) && !heard.isLiveUnproved(consumer, instance)) refuse('unproved');
        else if (take(ack, id, nowMs - Number(id.split('-')[0]), false)) progressed = true;
      }
      return progressed;
    },
  };
};

/** The key of a consumer under which a report is signed; undefined if none is. */
const keyThatVerifies = async (
  { known, verify, renew }: IntakeOptions,
  name: string,
  { text, proof }: Report,
): Promise<string | undefined> => {
  const ackKey = known.ackKeyOf(name);
  if (ackKey === undefined || proof === '') return undefined;
  if (await verify(text, proof, ackKey)) return ackKey;
  await renew();
  const renewed = known.ackKeyOf(name);
  if (renewed === undefined || renewed === ackKey) return undefined;
  return (await verify(text, proof, renewed)) ? renewed : undefined;
};
