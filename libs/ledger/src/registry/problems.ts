import { parseJson, type ErrorCode } from '@rekey/schema';
import { z } from 'zod';
import type { EntryState } from './check-entries.ts';
import type { Unusable } from './manifest.ts';

/** Why nobody is believed. */
export type UntrustedCode = ErrorCode &
  ('REGISTRY_UNTRUSTED' | 'REGISTRY_NOT_TAKEN_OVER' | 'REGISTRY_KEY_OTHER' | 'REGISTRY_KEY_MISSING');

/** What a process can put back. */
const repairedCodes = [
  'REGISTRY_ROLLED_BACK',
  'REGISTRY_REPAIRED',
  'LEDGER_ALTERED',
  'CONSUMER_ALTERED',
] as const;

type ProblemCode =
  | UntrustedCode
  | (typeof repairedCodes)[number]
  | 'REGISTRY_CONTESTED'
  | 'REGISTRY_MEMORY_UNUSABLE'
  | 'CONSUMER_UNTRUSTED'
  | 'CONSUMER_LOST';

/** Something about the registry that an operator should know of. */
export interface RegistryProblem {
  code: ProblemCode;
  /** A consumer's name, cut to 63 characters; empty if it is the registry as a whole. */
  subject: string;
  /** In a few words, without secrets. */
  detail: string;
  /** By this process's clock, in ms since 1970. */
  sinceMs: number;
  /** It is over: this process, or another one, has repaired it. */
  repaired?: true;
}

/** Why what is stored is not trusted. */
export type Unbelieved = Unusable | 'below-floor' | 'memory';

export const detailOf: Record<Unbelieved, string> = {
  absent: 'the registry is missing',
  'wrong-type': 'the registry has the wrong type',
  'too-long': 'the registry is too long',
  'other-key': 'the registry is signed with another key',
  forged: 'the registry is not as a process of Rekey signed it',
  'other-ledger': 'the registry belongs to another ledger',
  memory: 'the file that remembers it cannot be used',
  'below-floor': 'the registry is older than REKEY_REGISTRY_MIN_REV',
};

export type Finding = Pick<RegistryProblem, 'code' | 'subject' | 'detail'>;

interface Findings extends Pick<EntryState, 'altered' | 'lost' | 'unlisted'> {
  untrusted: { code: UntrustedCode; why: Unbelieved } | undefined;
  /** Why the memory file cannot be used. */
  memory: string | undefined;
  isAliasAltered: boolean;
  isContested: boolean;
}

/** What is wrong now. */
export const findingsOf = (findings: Findings): Finding[] => {
  const { untrusted, memory, isAliasAltered, isContested, altered, lost, unlisted } = findings;
  const of = (code: Finding['code'], faults: Iterable<[string, string]>): Finding[] =>
    [...faults].map(([subject, detail]) => ({ code, subject, detail }));
  const whole = (code: Finding['code'], detail: string | false | undefined): Finding[] =>
    detail === false || detail === undefined ? [] : [{ code, subject: '', detail }];
  return [
    ...(untrusted ? whole(untrusted.code, detailOf[untrusted.why]) : []),
    ...whole('REGISTRY_MEMORY_UNUSABLE', memory),
    ...whole('LEDGER_ALTERED', isAliasAltered && 'its note of the org of c was changed'),
    ...whole('REGISTRY_CONTESTED', isContested && 'it was put back three times'),
    ...of('CONSUMER_LOST', lost),
    ...of('CONSUMER_ALTERED', altered),
    ...unlisted.map((subject): Finding => ({
      code: 'CONSUMER_UNTRUSTED',
      subject,
      detail: 'no process listed it',
    })),
  ];
};

const SHOWN_FOR_MS = 86_400_000;
const MOST = 100;

/** What is wrong now, and what was repaired within the last day. */
export class Problems {
  private now = new Map<string, RegistryProblem>();
  private readonly repaired = new Map<string, RegistryProblem>();

  list(): RegistryProblem[] {
    const since = Date.now() - SHOWN_FOR_MS;
    return [...this.now.values(), ...[...this.repaired.values()].filter((one) => one.sinceMs >= since)];
  }

  /** Replaces what is wrong now. Returns what has begun, and what is over. */
  set(found: Finding[]): {
    begun: RegistryProblem[];
    over: RegistryProblem[];
  } {
    const before = this.now;
    this.now = new Map();
    for (const one of found.slice(0, MOST)) {
      const key = `${one.code} ${one.subject}`;
      this.now.set(key, { sinceMs: before.get(key)?.sinceMs ?? Date.now(), ...one });
    }
    return {
      begun: [...this.now].filter(([key]) => !before.has(key)).map(([, one]) => one),
      over: [...before].filter(([key]) => !this.now.has(key)).map(([, one]) => one),
    };
  }

  /** Notes what was repaired. */
  noteRepaired(found: Finding[]): void {
    for (const one of found.slice(0, MOST)) {
      this.repaired.delete(`${one.code} ${one.subject}`);
      this.repaired.set(`${one.code} ${one.subject}`, { ...one, sinceMs: Date.now(), repaired: true });
    }
    for (const key of [...this.repaired.keys()].slice(0, -MOST)) this.repaired.delete(key);
  }
}

/**
 * What a process has repaired, for the status that other processes show. It stands in the ledger, unproved:
 * the log of that process says the same.
 */
const Note = z.array(
  z.object({
    code: z.enum(repairedCodes),
    subject: z.string().max(63),
    detail: z.string().max(500),
    sinceMs: z.int().nonnegative(),
  }),
);
const NOTED = 20;

/** `before`: the note as it is, also of what other processes have repaired. */
export const repairedNote = (problems: readonly RegistryProblem[], before: string | undefined): string => {
  const own = problems.filter(({ repaired }) => repaired);
  const isOwn = (one: RegistryProblem) =>
    own.some(({ code, subject }) => code === one.code && subject === one.subject);
  return JSON.stringify(
    [...readRepaired(before).filter((one) => !isOwn(one)), ...own]
      .slice(-NOTED)
      .map(({ code, subject, detail, sinceMs }) => ({
        code,
        subject,
        detail: detail.slice(0, 500),
        sinceMs,
      })),
  );
};

export const readRepaired = (text: string | undefined): RegistryProblem[] => {
  const parsed = Note.safeParse(parseJson(text));
  if (!parsed.success) return [];
  const since = Date.now() - SHOWN_FOR_MS;
  return parsed.data
    .filter(({ sinceMs }) => sinceMs >= since && sinceMs <= Date.now() + SHOWN_FOR_MS)
    .slice(0, NOTED)
    .map((one) => ({ ...one, repaired: true as const }));
};
