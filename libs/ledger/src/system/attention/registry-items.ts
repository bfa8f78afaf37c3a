import type { Attention } from '@rekey/schema';
import type { RegistryProblem } from '../../registry/problems.ts';
import type { SystemFacts } from './facts.ts';
import { each } from './items.ts';

type Texts = { message: (detail: string) => string; advice: (subject: string) => string };

const FIND = 'Find the client that writes to the Redis of Rekey.';
const TRUST =
  'Start a process that remembers it, restore Redis, or trust what is stored: rekey registry trust.';

const texts: Record<RegistryProblem['code'], Texts> = {
  REGISTRY_UNTRUSTED: {
    message: (detail) => `The registry of consumers cannot be verified: ${detail}. No key is replaced.`,
    advice: () => TRUST,
  },
  REGISTRY_NOT_TAKEN_OVER: {
    message: () => 'The consumers of an earlier version are not trusted yet. No key is replaced.',
    advice: () => 'Check and trust them: rekey registry trust.',
  },
  REGISTRY_KEY_OTHER: {
    message: (detail) => `This process has another registry key than this ledger: ${detail}.`,
    advice: () => 'Give it the key file of this ledger: rekey key-file gateway makes that of the gateway.',
  },
  REGISTRY_KEY_MISSING: {
    message: () => 'This gateway has no key file: it shows and changes no consumers.',
    advice: () => 'Create one with rekey key-file gateway, and set REKEY_GATEWAY_KEY_FILE.',
  },
  REGISTRY_CONTESTED: {
    message: (detail) =>
      `Another client replaces the registry of consumers again and again: ${detail} within a minute. ` +
      'The verified one counts; gateways accept no rotation while no worker has verified it.',
    advice: () => `${FIND} Take away its rights, then restart the workers.`,
  },
  REGISTRY_MEMORY_UNUSABLE: {
    message: (detail) =>
      `The file that remembers the registry (REKEY_REGISTRY_MEMORY) cannot be used: ${detail}. ` +
      'No consumer is trusted until then.',
    advice: () =>
      'Restore the file. Or check what is stored, and decide: rekey registry trust. Without the file, this ' +
      'process would accept an earlier registry that another client put back.',
  },
  REGISTRY_ROLLED_BACK: {
    message: (detail) => `The registry of consumers was an older one: ${detail}.`,
    advice: () => `After a failover of Redis that lost its last writes: none. Otherwise: ${FIND}`,
  },
  REGISTRY_REPAIRED: {
    message: (detail) => `The registry of consumers could not be used: ${detail}.`,
    advice: () => FIND,
  },
  LEDGER_ALTERED: {
    message: (detail) => `Another client has changed the ledger: ${detail}.`,
    advice: () => FIND,
  },
  CONSUMER_UNTRUSTED: {
    message: (detail) => `An entry is no consumer of Rekey: ${detail}. No key is sealed for it.`,
    advice: (name) => `${FIND} Then remove the entry: rekey consumer remove ${name}`,
  },
  CONSUMER_ALTERED: {
    message: (detail) => `Another client has changed the consumer: ${detail}. The verified entry counts.`,
    advice: () => FIND,
  },
  CONSUMER_LOST: {
    message: (detail) => `The entry of the consumer cannot be verified: ${detail}. No key is sealed for it.`,
    advice: (name) => `${FIND} Then remove the consumer (rekey consumer remove ${name}), and add it again.`,
  },
};

/** The registry of consumers: what cannot be verified, and what was put back. */
export const registryItems = ({ registry = { problems: [], lagging: [] } }: SystemFacts): Attention[] => {
  const codes = [...new Set(registry.problems.map(({ code }) => code))];
  return [
    ...codes.flatMap((code) =>
      each(
        code,
        registry.problems.filter((one) => one.code === code),
        ({ subject, detail, sinceMs, repaired }) => ({
          subject,
          sinceMs,
          message: `${texts[code].message(detail)}${repaired ? ' It was put back.' : ''}`,
          advice: texts[code].advice(subject),
        }),
      ),
    ),
    ...each('REGISTRY_LAGGING', registry.lagging, (id) => ({
      subject: id,
      message: 'This worker has not verified the current consumers. It may seal keys for removed ones.',
      advice: 'See its log for registry_problem, and restart it. If it is of an older version, update it.',
    })),
  ];
};
