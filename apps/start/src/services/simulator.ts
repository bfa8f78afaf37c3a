import { join } from 'node:path';
import type { Launcher } from '../launcher/launcher.ts';
import { readVariable } from './environment.ts';
import { choosePort } from './ports.ts';

interface RunningSimulator {
  /** With which a worker uses it. */
  variables: Record<string, string>;
  adminAddress: string;
}

export const startSimulator = async (launcher: Launcher): Promise<RunningSimulator> => {
  if (readVariable('INVENT_BASE_URL'))
    throw new Error(
      'INVENT_BASE_URL is set, but none of INVENT_API_KEY, INVENT_API_KEY_FILE and INVENT_API_KEYS_FILE. ' +
        'Set one of them, or unset INVENT_BASE_URL to use the simulator.',
    );
  const { dataDir, terminal } = launcher;
  const choose = async (variable: string, preferred: number): Promise<string> => {
    const onTaken = (message: string) => terminal.note('simulator', message);
    return String(await choosePort({ variable, given: readVariable(variable), preferred, onTaken }));
  };
  const port = await choose('SIMULATOR_PORT', 4010);
  const adminPort = await choose('SIMULATOR_ADMIN_PORT', 4011);
  const apiKey = readVariable('SIMULATOR_API_KEY') ?? 'simulator-api-key';
  const keep = join(dataDir, 'simulator.jsonl');
  const simulator = await launcher.launch('simulator', {
    args: ['--port', port, '--admin-port', adminPort, '--keep', keep],
    env: { SIMULATOR_API_KEY: apiKey },
  });
  const { address, adminAddress } = simulator.ready;
  terminal.ready('simulator', `${address}  (stands in for Invent; admin on ${adminAddress})`);
  return {
    variables: { INVENT_BASE_URL: address!, INVENT_API_KEY: apiKey },
    adminAddress: adminAddress!,
  };
};
