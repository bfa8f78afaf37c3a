import { connect, type Socket } from 'node:net';

/*
 * Asks for user hashes over the UNIX socket PATH_OF_SOCKET: CONNECTIONS with one request in flight each, for
 * SECONDS, of ast_1 to ast_ASSISTANTS. Writes how many were answered with 200, and how long each took. It
 * writes and reads bytes, because a client of HTTP takes more time than the server that is measured.
 */

const {
  PATH_OF_SOCKET = '',
  CONNECTIONS = '8',
  SECONDS = '10',
  ASSISTANTS = '1',
  WARM_UP = '3',
} = process.env;
const write = (what: object) => process.stdout.write(`${JSON.stringify(what)}\n`);

const requestOf = (i: number): Buffer => {
  const body = `{"user_id":"user-${i}"}`;
  const id = `ast_${(i % Number(ASSISTANTS)) + 1}`;
  return Buffer.from(
    `POST /v1/assistants/${id}/user-hash HTTP/1.1\r\nhost: agent\r\ncontent-type: application/json\r\n` +
      `content-length: ${body.length}\r\n\r\n${body}`,
  );
};
const requests = Array.from({ length: 10_000 }, (_, i) => requestOf(i * 7919));

let [answered, isMeasured, isOver] = [0, false, false];
let times: number[] = [];

/** One answer may come in several parts: its length stands in its head. */
const isWhole = (text: string): boolean => {
  const head = text.indexOf('\r\n\r\n');
  if (head < 0) return false;
  return text.length >= head + 4 + Number(/\r\ncontent-length: (\d+)/i.exec(text)![1]);
};

const ask = (socket: Socket, i: number): void => {
  let text = '';
  const beganMs = performance.now();
  const onData = (data: Buffer): void => {
    text += data.toString('latin1');
    if (!isWhole(text)) return;
    socket.off('data', onData);
    if (!text.startsWith('HTTP/1.1 200 ')) throw new Error(text);
    if (isMeasured) {
      answered += 1;
      times.push(performance.now() - beganMs);
    }
    if (isOver) socket.destroy();
    else ask(socket, (i + 1) % requests.length);
  };
  socket.on('data', onData);
  socket.write(requests[i]!);
};

for (let i = 0; i < Number(CONNECTIONS); i += 1) {
  const socket = connect(PATH_OF_SOCKET);
  socket.once('connect', () => ask(socket, (i * 997) % requests.length));
}
write({ ready: true });
setTimeout(
  () => {
    isMeasured = true;
    const beganMs = performance.now();
    write({ begin: true });
    setTimeout(
      () => {
        isMeasured = false;
        isOver = true;
        const seconds = (performance.now() - beganMs) / 1000;
        times = times.toSorted((a, b) => a - b);
        const at = (share: number) => times[Math.floor(times.length * share)];
        write({ result: { answered, seconds, p50: at(0.5), p99: at(0.99) } });
      },
      Number(SECONDS) * 1000,
    );
  },
  Number(WARM_UP) * 1000,
);
