import { parseJson } from '@rekey/schema';
import type { StreamEntry } from './stream-reader.ts';

/** An entry that says which instance it is of. Nothing of it is proved. */
export interface Report extends StreamEntry {
  consumer: string;
  instance: string;
  /** 0 if it has none. */
  number: number;
  /** Of the grant that its consumer holds; undefined if it says none. */
  kid: string | undefined;
}

/** For an instance: so many forged entries do not hide the genuine one before them. */
const KEPT_OF_INSTANCE = 8;
/** Of one consumer, in what is read of a stream at once. */
const MAX_INSTANCES = 500;

const asReport = (entry: StreamEntry): Report | undefined => {
  const {
    consumer,
    instance,
    number = 0,
    kid,
  } = (parseJson(entry.text) ?? {}) as { [key in keyof Report]?: unknown };
  return typeof consumer === 'string' &&
    typeof instance === 'string' &&
    instance.length <= 64 &&
    Number.isSafeInteger(number)
    ? {
        ...entry,
        consumer,
        instance,
        number: number as number,
        kid: typeof kid === 'string' ? kid : undefined,
      }
    : undefined;
};

/** The newest entries of each instance of some consumers, of a stream that is read from its end. */
export class NewestReports {
  private readonly byConsumer: ReadonlyMap<string, Map<string, Report[]>>;
  /** Entries that are no acknowledgement, or of no such consumer. */
  foreign = 0;

  constructor(consumers: Iterable<string>) {
    this.byConsumer = new Map([...consumers].map((name) => [name, new Map<string, Report[]>()]));
  }

  /** Adds an entry that is older than those added before. */
  add(entry: StreamEntry): void {
    const report = asReport(entry);
    const instances = report && this.byConsumer.get(report.consumer);
    if (!instances) {
      this.foreign += 1;
      return;
    }
    const kept = instances.get(report.instance) ?? [];
    if (kept.length >= KEPT_OF_INSTANCE || (kept.length === 0 && instances.size >= MAX_INSTANCES)) return;
    kept.push(report);
    instances.set(report.instance, kept);
  }

  /** Of each instance: the highest number first, and of equal ones the newest. */
  all(): Report[][] {
    return [...this.byConsumer.values()].flatMap((instances) =>
      [...instances.values()].map((reports) => reports.toSorted((a, b) => b.number - a.number)),
    );
  }
}
