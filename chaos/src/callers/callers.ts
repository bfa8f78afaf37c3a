import { createRekeyClient, type RekeyClient } from '@rekey/client';
import { recordTries, type Try } from '../changes/record-tries.ts';
import { insist } from '../system/insist.ts';
import type { Identities, Identity } from './identities.ts';

/** The callers of a run, with a client each. Without identities, all are `local`. */
export interface Callers {
  /** Rotates single assistants. */
  requester: RekeyClient;
  /** Bulk rotations, policies and sweeps. */
  operator: RekeyClient;
  /** Reads status. */
  watcher: RekeyClient;
  /** Freezes, opens budgets, makes tokens. */
  admin: RekeyClient;
  /** Every change that they tried to make. */
  tries: readonly Try[];
  close(): void;
}

const TOKEN_FOR_MS = 24 * 3_600_000;

/** Has the gateway make an access token. If a response is lost, the token has another name. */
const createToken = async (
  admin: RekeyClient,
  { role, orgs }: { role: string; orgs: string[] },
): Promise<Identity> => {
  let number = 0;
  const { token, secret } = await insist(() => {
    number += 1;
    return admin.createToken({ name: `requester-${number}`, role, orgs, ttlMs: TOKEN_FOR_MS });
  });
  return { principal: `token:${token.name}`, token: secret };
};

/** `orgs`: those in which rotations are requested, by all of their names. */
export const startCallers = async (
  address: string,
  identities: Identities | undefined,
  orgs: string[],
): Promise<Callers> => {
  const tries: Try[] = [];
  const clients: RekeyClient[] = [];
  const connect = ({ principal, token }: { principal: string; token?: string }): RekeyClient => {
    const client = createRekeyClient({
      address,
      // The callers decide what to repeat.
      retry: false,
      keepAlive: { intervalMs: 5000, timeoutMs: 5000 },
      ...(token !== undefined && { token }),
    });
    clients.push(client);
    return recordTries(client, principal, tries);
  };
  const close = () => clients.forEach((client) => client.close());
  if (!identities) {
    const local = connect({ principal: 'local' });
    return { requester: local, operator: local, watcher: local, admin: local, tries, close };
  }
  const admin = connect(identities.admin);
  const requester = connect(await createToken(admin, { role: 'rotator', orgs }));
  return {
    requester,
    operator: connect(identities.operator),
    watcher: connect(identities.watcher),
    admin,
    tries,
    close,
  };
};
