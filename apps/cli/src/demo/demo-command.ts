import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { CliError, exitCodes } from '../failure.ts';
import { readRunningStart } from '../profiles/taken.ts';
import { styled } from '../output/style.ts';
import { askUserHash, userHash } from './agent-socket.ts';
import { createDemoTerminal, type DemoTerminal } from './demo-terminal.ts';
import {
  createSimulatorAdmin,
  eventually,
  simulatorAddress,
  type SimulatorAdmin,
} from './simulator-admin.ts';

/** The assistants whose keys a demo replaces: one by one, with a lost answer, and with a consumer. */
interface Assistants {
  first: string;
  lost: string;
  followed: string;
}

interface Demo extends Assistants {
  terminal: DemoTerminal;
  simulator: SimulatorAdmin;
  isFast: boolean;
  consumer: string;
  keyFile: string;
  socket: string;
}

const ORG = 'org_demo';
const USER = 'user_42';
const AGENT_WITHIN_MS = 30_000;

/**
 * Others than those of a demo that has just ended: its lost answer stays uncertain for a while. `npm start`
 * has a thousand.
 */
const assistantsAt = (ms: number): Assistants => {
  const number = 11 + 3 * (Math.floor(ms / 1000) % 300);
  return { first: `ast_${number}`, lost: `ast_${number + 1}`, followed: `ast_${number + 2}` };
};

interface RotationJson {
  id: string;
  state: string;
}

const rotateOne = async ({ terminal, first }: Demo): Promise<void> => {
  await terminal.title('1. Rotate a key');
  terminal.say('Invent replaces the key, and the old one dies at once. Rekey publishes the new one, sealed.');
  await terminal.run('rotate', ORG, first, '--wait');
};

/** Resolves to the rotation whose answer was lost. */
const loseAnAnswer = async ({ terminal, simulator, lost }: Demo): Promise<string> => {
  await terminal.title('2. Lose an answer');
  terminal.say(`The simulator replaces the key of ${lost}, and cuts the connection before it answers.`);
  await simulator.loseNextAnswer(lost);
  const out = await terminal.run('rotate', ORG, lost, '--reason', 'demo: the answer is lost');
  const id = /rot_\w+/.exec(out)?.[0];
  if (id === undefined) throw new CliError('rekey rotate printed no rotation.', 'DEMO_FAILED');
  const unknown = await eventually(async () => {
    const { state } = JSON.parse(await terminal.read('get', id, '--json')) as RotationJson;
    return state === 'RECONCILING' || state === 'SUCCEEDED' ? state : undefined;
  }, AGENT_WITHIN_MS);
  if (unknown === undefined) throw new CliError(`${id} did not begin.`, 'DEMO_FAILED');
  terminal.say('');
  await terminal.run('get', id);
  terminal.say(
    '\nUnknown is not failed. Rekey reads the key back and publishes it at once. It sends no other\n' +
      'request while the lost one can still take effect.',
  );
  return id;
};

/** Compares what the agent signs with the key that is in force at the simulator. */
const prove = async ({ terminal, simulator, socket }: Demo, assistantId: string): Promise<void> => {
  const hash = await eventually(async () => {
    const [signed, key] = await Promise.all([
      askUserHash(socket, assistantId, USER),
      simulator.secretKey(assistantId),
    ]);
    return signed === userHash(key, USER) ? signed : undefined;
  }, AGENT_WITHIN_MS);
  if (hash === undefined)
    throw new CliError(`The agent did not get the key of ${assistantId}.`, 'DEMO_FAILED');
  terminal.say(
    `\nThe agent signs ${USER} for ${assistantId}: ${hash.slice(0, 16)}…\n` +
      styled(['bold', 'green'], 'Invent computes the same with the key in force.'),
  );
};

const followKeys = async (demo: Demo): Promise<void> => {
  const { terminal, consumer, keyFile, socket, first, followed } = demo;
  await terminal.title('3. A consumer follows');
  terminal.say(
    'A service has a key file of its own. The agent holds its keys, and signs for programs beside it.',
  );
  await terminal.run('consumer', 'keygen', keyFile);
  await terminal.run('consumer', 'add', consumer, '--key-file', keyFile, '--org', ORG);
  terminal.start('agent', '--consumer', consumer, '--key-file', keyFile, '--socket', socket);
  const answers = await eventually(() => askUserHash(socket, first, USER), AGENT_WITHIN_MS);
  if (answers === undefined) throw new CliError('The agent did not start.', 'DEMO_FAILED');
  terminal.say('');
  await terminal.run('rotate', ORG, followed, '--consumer', consumer);
  await prove(demo, followed);
};

const recover = async (demo: Demo, id: string): Promise<void> => {
  const { terminal, isFast, lost } = demo;
  await terminal.title('4. The lost answer, recovered');
  if (!isFast) {
    terminal.say(
      'The lost request may still take effect for a while after it was sent: 90 s, by default. Then Rekey\n' +
        'replaces the key once more, because a read does not prove which request has set it.',
    );
    await terminal.run('get', id, '--wait', '--timeout', '300');
  }
  await prove(demo, lost);
  terminal.say(`\nWho did what: rekey activity. What each command can do: rekey --help.`);
};

const cleanUp = async ({ terminal, simulator, consumer }: Demo, folder: string): Promise<void> => {
  await terminal.stop();
  await simulator.endFaults();
  await terminal.read('consumer', 'remove', consumer, '--yes').catch(() => '');
  await rm(folder, { recursive: true, force: true });
};

const demonstrate = async ({ fast: isFast = false }: { fast?: boolean }): Promise<void> => {
  const start = await readRunningStart();
  const address = simulatorAddress(start, process.env);
  const simulator = createSimulatorAdmin(address);
  const assistants = assistantsAt(Date.now());
  // Nothing is changed if it does not answer.
  await simulator.secretKey(assistants.first);
  const folder = await mkdtemp(join(tmpdir(), 'rekey-demo-'));
  const demo: Demo = {
    ...assistants,
    terminal: createDemoTerminal({ isFast }),
    simulator,
    isFast,
    consumer: `demo-${randomBytes(3).toString('hex')}`,
    keyFile: join(folder, 'demo.json'),
    socket: join(folder, 'agent.sock'),
  };
  const onInterrupt = (): void => {
    void cleanUp(demo, folder).finally(() => process.exit(exitCodes.failed));
  };
  process.once('SIGINT', onInterrupt);
  process.once('SIGTERM', onInterrupt);
  try {
    await rotateOne(demo);
    const id = await loseAnAnswer(demo);
    await followKeys(demo);
    await recover(demo, id);
  } finally {
    process.off('SIGINT', onInterrupt);
    process.off('SIGTERM', onInterrupt);
    await cleanUp(demo, folder);
  }
};

export const demoCommand = (): Command =>
  new Command('demo')
    .description(
      'two minutes with a running npm start: rotates a key, loses an answer and recovers it, and shows a ' +
        'consumer that follows; refuses anything but the simulator',
    )
    .option('--fast', 'without pauses to read, and without the wait at the end')
    .action(demonstrate);
