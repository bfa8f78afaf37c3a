import { setTimeout as sleep } from 'node:timers/promises';
import { isLoopbackHost } from '@rekey/schema';
import { CliError } from '../failure.ts';

const WITHIN_MS = 5000;

const START_IT = 'In another terminal, in the folder of Rekey: npm ci && npm start, without INVENT_API_KEY.';

const refuse = (why: string): CliError =>
  new CliError(`rekey demo changes keys, so it runs against the simulator alone. ${why}`, 'NO_SIMULATOR');

/** What the demo asks of the simulator: faults, and what is true there. */
export interface SimulatorAdmin {
  /** The simulator cuts the connection of the next rotation of this assistant, once it is done. */
  loseNextAnswer(assistantId: string): Promise<void>;
  endFaults(): Promise<void>;
  secretKey(assistantId: string): Promise<string>;
}

/** What an environment and the `npm start` have in common if they are of one Rekey. */
const SAME = ['GRPC_ADDRESS', 'REDIS_URL', 'REKEY_PREFIX'];

/** Where the admin port of the simulator is, if this is the environment of a running `npm start` with one. */
export const simulatorAddress = (
  start: { environment: Readonly<Record<string, string>>; simulatorAdmin?: string | undefined } | undefined,
  env: NodeJS.ProcessEnv,
): URL => {
  if (!start) throw refuse(`No npm start runs in this folder. ${START_IT}`);
  const isOther = SAME.some((name) => env[name] !== start.environment[name]);
  if (isOther)
    throw refuse(
      'The environment, an option or a profile names another Rekey than the npm start in this folder: ' +
        'unset GRPC_ADDRESS and its kind, or run rekey demo --profile start',
    );
  if (start.simulatorAdmin === undefined)
    throw refuse(`The npm start in this folder calls Invent. Stop it. ${START_IT}`);
  const url = URL.canParse(start.simulatorAdmin) ? new URL(start.simulatorAdmin) : undefined;
  if (url?.protocol !== 'http:' || !isLoopbackHost(url.hostname))
    throw refuse('The admin address of the simulator is not on this machine.');
  return url;
};

export const createSimulatorAdmin = (address: URL): SimulatorAdmin => {
  const request = async (method: string, path: string, body?: object): Promise<unknown> => {
    const response = await fetch(new URL(path, address), {
      method,
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(WITHIN_MS),
      redirect: 'error',
    }).catch((error: Error) => {
      throw refuse(`Its admin port does not answer: ${error.message}.`);
    });
    if (!response.ok) throw refuse(`Its admin port answers ${response.status} to ${method} ${path}.`);
    return response.status === 204 ? undefined : response.json();
  };
  let faultIds: string[] = [];
  return {
    loseNextAnswer: async (assistantId) => {
      const fault = { assistantId, kind: 'loseResponseAfterCommit' };
      const { id } = (await request('POST', '/faults', fault)) as { id: number };
      faultIds.push(String(id));
    },
    endFaults: async () => {
      // A fault that was used is gone.
      for (const id of faultIds) await request('DELETE', `/faults/${id}`).catch(() => undefined);
      faultIds = [];
    },
    secretKey: async (assistantId) => {
      const { record } = (await request('GET', `/assistants/${assistantId}`)) as {
        record?: { secret_key?: unknown };
      };
      if (typeof record?.secret_key !== 'string') throw refuse(`It has no key of ${assistantId}.`);
      return record.secret_key;
    },
  };
};

/** Repeats until the result is there; undefined after the time-out. */
export const eventually = async <T>(
  read: () => Promise<T | undefined>,
  withinMs: number,
): Promise<T | undefined> => {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const result = await read();
    if (result !== undefined || performance.now() > deadline) return result;
    await sleep(100);
  }
};
