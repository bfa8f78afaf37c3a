import { complaintAboutAddress, complaintAboutRedisUrl } from '@rekey/schema';
import { z } from 'zod';

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `250ms`, `3s`, `5m`, `1h` or `7d`, in ms. */
export const duration = (leastMs: number, mostMs: number) =>
  z
    .string({ error: 'must be a duration such as 250ms, 3s, 5m, 1h or 7d' })
    .regex(/^\d{1,9}(ms|s|m|h|d)$/, 'must be a duration such as 250ms, 3s, 5m, 1h or 7d')
    .transform((text) => {
      const [, digits, unit] = /^(\d+)(\w+)$/.exec(text)!;
      return Number(digits) * UNITS[unit as keyof typeof UNITS];
    })
    .refine((ms) => ms >= leastMs && ms <= mostMs, `must be from ${shown(leastMs)} to ${shown(mostMs)}`);

const shown = (ms: number): string => {
  const [unit, size] = Object.entries(UNITS).findLast(([, unitMs]) => ms % unitMs === 0 && ms >= unitMs) ?? [
    'ms',
    1,
  ];
  return `${ms / size}${unit}`;
};

/** A path, relative to the folder of the configuration. */
export const path = z
  .string({ error: 'must be a path' })
  .min(1, 'must not be empty')
  .max(4096, 'must be at most 4096 characters')
  .refine((text) => !text.includes('\0'), 'must not contain a NUL character');

/** YAML reads 0600 as the number 600: only a quoted text says what is meant. */
export const mode = z
  .string({ error: "must be a quoted octal mode such as '0640'" })
  .regex(/^0?[0-7]{3}$/, "must be a quoted octal mode such as '0640'")
  .transform((text) => Number.parseInt(text, 8))
  .refine((bits) => (bits & 0o002) === 0, 'must not let every user write');

/** A name in /etc/passwd or /etc/group, or a number. */
export const account = z.union(
  [z.int().min(0).max(4_294_967_294), z.string().regex(/^[a-z_][a-z0-9_.-]{0,31}\$?$|^\d{1,10}$/i)],
  { error: 'must be the name or the number of an account' },
);

export const address = z.string({ error: 'must be HOST:PORT' }).superRefine((text, ctx) => {
  const message = complaintAboutAddress(text);
  if (message !== undefined) ctx.addIssue({ code: 'custom', message });
});

export const redisUrl = z.string({ error: 'must be a URL' }).superRefine((text, ctx) => {
  const complaint = complaintAboutRedisUrl(text);
  if (complaint !== undefined) ctx.addIssue({ code: 'custom', message: complaint });
});

export const argv = z
  .array(z.string({ error: 'must be a text: quote it' }).max(65_536), {
    error: 'must be a list: the program and its arguments, such as [systemctl, reload, nginx]',
  })
  .min(1, 'must name a program')
  .max(1000)
  .refine(([program]) => program !== '', 'must name a program')
  .refine((words) => words.every((word) => !word.includes('\0')), 'must not contain a NUL character');

/** Signals that mean something to another program; none that cannot be handled. */
const SIGNALS = ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGWINCH'] as const;
export const signal = z.enum(SIGNALS, { error: `must be one of ${SIGNALS.join(', ')}` });
