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

interface Demo {
  terminal: DemoTerminal;
  simulator: SimulatorAdmin;
  isFast: boolean;
  consumer: string;
  keyFile: string;
  socket: string;
}

const ORG = 'org_demo';
const [FIRST, LOST, FOLLOWED] = ['ast_11', 'ast_12', 'ast_13'] as const;
const USER = 'user_42';
const AGENT_WITHIN_MS = 30_000;

interface RotationJson {
  id: string;
  state: string;
}

const rotateOne = async ({ terminal }: Demo): Promise<void> => {
  await terminal.title('1. Rotate a key');
  terminal.say('Invent replaces the key, and the old one dies at once. Rekey publishes the new one, sealed.');
  await terminal.run('rotate', ORG, FIRST, '--wait');
};

/** Resolves to the rotation whose answer was lost. */
const loseAnAnswer = async ({ terminal, simulator }: Demo): Promise<string> => {
  await terminal.title('2. Lose an answer');
  terminal.say(`The simulator replaces the key of ${LOST}, and cuts the connection before it answers.`);
  await simulator.loseNextAnswer(LOST);
  const out = await terminal.run('rotate', ORG, LOST, '--reason', 'demo: the answer is lost');
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
    '\nUnknown is not failed. A repeated request would replace the key again. Rekey reads the key back,\n' +
      'publishes it, and reads on until the lost request can no longer take effect.',
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
  const { terminal, consumer, keyFile, socket } = demo;
  await terminal.title('3. A consumer follows');
  terminal.say(
    'A service has a key file of its own. The agent holds its keys, and signs for programs beside it.',
  );
  await terminal.run('consumer', 'keygen', keyFile);
  await terminal.run('consumer', 'add', consumer, '--key-file', keyFile, '--org', ORG);
  terminal.start('agent', '--consumer', consumer, '--key-file', keyFile, '--socket', socket);
  const answers = await eventually(() => askUserHash(socket, FIRST, USER), AGENT_WITHIN_MS);
  if (answers === undefined) throw new CliError('The agent did not start.', 'DEMO_FAILED');
  terminal.say('');
  await terminal.run('rotate', ORG, FOLLOWED, '--consumer', consumer);
  await prove(demo, FOLLOWED);
};

const recover = async (demo: Demo, id: string): Promise<void> => {
  const { terminal, isFast } = demo;
  await terminal.title('4. The lost answer, recovered');
  if (!isFast) {
    terminal.say('The lost request may still take effect for a while after it was sent: 90 s, by default.');
    await terminal.run('get', id, '--wait', '--timeout', '300');
  }
  await prove(demo, LOST);
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
  // Nothing is changed if it does not answer.
  await simulator.secretKey(FIRST);
  const folder = await mkdtemp(join(tmpdir(), 'rekey-demo-'));
  const demo: Demo = {
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
