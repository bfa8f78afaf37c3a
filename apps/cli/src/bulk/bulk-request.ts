import type { CreateBulkRotationRequest, FailureLimit } from '@rekey/client';
import { InvalidArgumentError } from 'commander';
import { CliError } from '../failure.ts';
import { idsOf } from './ids-file.ts';

/** The options of `rekey bulk create` that describe the bulk rotation. */
export interface BulkWish {
  org: string;
  all?: boolean;
  idsFile?: string;
  search?: string;
  olderThan?: number;
  rotatedBefore?: Date;
  excludeFile?: string;
  urgent?: boolean;
  dryRun?: boolean;
  canary?: number;
  canaryContinues?: boolean;
  canaryAwaitsConsumers?: boolean;
  requireConsumer?: string[];
  maxFailures?: FailureLimit;
  reason?: string;
  watch?: boolean;
  resultsFile?: string;
  /** In seconds. */
  timeout?: number;
}

/** Whether the command follows the bulk rotation until it ends. */
export const isFollowed = ({ watch, dryRun, resultsFile }: BulkWish): boolean =>
  Boolean(watch || dryRun) || resultsFile !== undefined;

/** The value of --max-failures: `10`, or `1%`. */
export const failureLimit = (text: string): FailureLimit => {
  const [, digits, share] = /^(\d+(?:\.\d+)?)(%?)$/.exec(text) ?? [];
  const value = Number(digits);
  if (share === '%' && value <= 100) return { percent: value };
  if (share === '' && Number.isSafeInteger(value) && value < 2 ** 31) return { count: value };
  throw new InvalidArgumentError(
    'must be a number such as 10, or a percentage such as 1%. 0 halts at the first failure.',
  );
};

const unitMs: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000 };

/** The value of --older-than: `90d`, `12h` or `30m`, in ms. */
export const age = (text: string): number => {
  const [, digits, unit] = /^(\d{1,6})([dhm])$/.exec(text) ?? [];
  if (unit === undefined)
    throw new InvalidArgumentError('must be a number of days, hours or minutes, such as 90d, 12h or 30m.');
  return Number(digits) * unitMs[unit]!;
};

export const moment = (text: string): Date => {
  const date = new Date(text);
  const [day] = /^\d{4}-\d\d-\d\d/.exec(text) ?? [];
  // Date takes the 31st of February for the 3rd of March.
  if (!(date.getTime() >= 0) || day === undefined || new Date(day).getUTCDate() !== Number(day.slice(8)))
    throw new InvalidArgumentError('must be a time such as 2026-01-31 or 2026-01-31T12:00:00Z.');
  return date;
};

export const count = (text: string): number => {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('must be a number, 1 or more.');
  return Number(text);
};

/** Why the options contradict each other; undefined if they do not. */
const complaint = (wish: BulkWish): string | undefined => {
  const { all, idsFile, search, olderThan, rotatedBefore, excludeFile, canary, canaryContinues, timeout } =
    wish;
  // An unset shell variable, for example. To the gateway an empty term means no filter: all of the org.
  if (search?.trim() === '')
    return '--search is empty. Give a term, or use --all to rotate all assistants of the org.';
  const ofOrg = {
    '--all': all,
    '--search': search,
    '--older-than': olderThan,
    '--rotated-before': rotatedBefore,
    '--exclude-file': excludeFile,
  };
  const given = Object.entries(ofOrg)
    .filter(([, value]) => value !== undefined)
    .map(([name]) => name);
  if (idsFile !== undefined && given.length > 0)
    return `--ids-file lists the assistants: it cannot be used together with ${given.join(', ')}.`;
  if (idsFile === undefined && given.every((name) => name === '--exclude-file'))
    return 'Which assistants? Give --ids-file, --all, --search or --older-than.';
  if (olderThan !== undefined && rotatedBefore !== undefined)
    return '--older-than and --rotated-before set the same filter: give one of them.';
  if (canaryContinues && canary === undefined) return '--canary-continues needs --canary.';
  if (wish.canaryAwaitsConsumers && !canaryContinues)
    return '--canary-awaits-consumers needs --canary-continues.';
  if (timeout !== undefined && !isFollowed(wish))
    return '--timeout needs --watch, --dry-run or --results-file: otherwise the command does not wait.';
  return undefined;
};

/** The request without its ids. Throws if the options contradict each other. */
export const bulkSpec = (wish: BulkWish, requestId: string, nowMs: number): CreateBulkRotationRequest => {
  const wrong = complaint(wish);
  if (wrong !== undefined) throw new CliError(wrong, 'INVALID_ARGUMENT');
  const beforeMs = wish.olderThan === undefined ? wish.rotatedBefore?.getTime() : nowMs - wish.olderThan;
  return {
    orgId: wish.org,
    requestId,
    reason: wish.reason ?? '',
    allAssistants: wish.idsFile === undefined,
    search: wish.search ?? '',
    urgent: wish.urgent ?? false,
    validateOnly: wish.dryRun ?? false,
    ...(beforeMs !== undefined && {
      rotatedBefore: new Date(beforeMs),
    }),
    ...(wish.canary !== undefined && {
      canary: {
        count: wish.canary,
        continues: wish.canaryContinues ?? false,
        awaitsConsumers: wish.canaryAwaitsConsumers ?? false,
      },
    }),
    ...(wish.requireConsumer && { requireConsumers: wish.requireConsumer }),
    ...(wish.maxFailures && { maxFailures: wish.maxFailures }),
  };
};

/** The request with its ids, which are read from the files as the client sends them. */
export const bulkRequest = (
  spec: CreateBulkRotationRequest,
  { idsFile, excludeFile }: BulkWish,
): CreateBulkRotationRequest => ({
  ...spec,
  ...(idsFile !== undefined && { assistantIds: idsOf(idsFile) }),
  ...(excludeFile !== undefined && { excludeAssistantIds: idsOf(excludeFile) }),
});
