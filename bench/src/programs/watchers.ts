import { readFile } from 'node:fs/promises';
import { createRekeyClient } from '@rekey/client';
import { subscribe } from '@rekey/subscriber';

/*
 * Many instances that follow the gateway at GATEWAY, in one process, each on a connection of its own: COUNT
 * of them, by turns of the consumers whose key files KEY_FILES names. MODE `watch`: bare calls of
 * WatchEvents; `sdk`: libs/subscriber, which asks and acknowledges too. On SIGUSR2 it writes how many events
 * have arrived at each.
 */

const { GATEWAY = '', MODE = 'watch', COUNT = '0', KEY_FILES = '{}' } = process.env;
const keyFiles = Object.entries(JSON.parse(KEY_FILES) as Record<string, string>);
const arrived: number[] = [];

const watch = async (at: number, consumer: string): Promise<void> => {
  const client = createRekeyClient({ address: GATEWAY, retry: false });
  const { lastEntryId } = await client.eventsState({ consumer });
  const { promise: begun, resolve } = Promise.withResolvers<void>();
  void (async () => {
    for await (const { entries } of client.watchEvents({ consumer, after: lastEntryId })) {
      resolve();
      arrived[at]! += entries.filter(({ event }) => event !== undefined).length;
    }
  })();
  await begun;
};
const follow = async (at: number, consumer: string, keyFile: string): Promise<void> => {
  const privateKey = JSON.parse(await readFile(keyFile, 'utf8')) as object;
  const keys = await subscribe({
    gateway: { address: GATEWAY },
    consumer,
    privateKey,
    readyTimeoutMs: 120_000,
  });
  keys.on('key', () => (arrived[at]! += 1));
};

for (let at = 0; at < Number(COUNT); at += 1) {
  const [consumer, keyFile] = keyFiles[at % keyFiles.length]!;
  arrived.push(0);
  await (MODE === 'sdk' ? follow(at, consumer, keyFile) : watch(at, consumer));
}
const write = (what: object) => process.stdout.write(`${JSON.stringify(what)}\n`);
process.on('SIGUSR2', () => write({ arrived }));
process.once('SIGTERM', () => process.exit(0));
write({ ready: true });
