import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, it } from '@jest/globals';
import { listenOn } from './listen-on.ts';

const dial = async (host: string, port: number): Promise<void> => {
  const socket = connect(port, host);
  await once(socket, 'connect');
  socket.destroy();
};

it('listens on every address of a host, on the same port, until it is closed', async () => {
  let accepted = 0;
  const listener = await listenOn('localhost:0', (socket) => {
    accepted += 1;
    socket.destroy();
  });
  await dial('localhost', listener.port);
  await dial('127.0.0.1', listener.port);
  const hasAccepted = () => accepted === 2;
  while (!hasAccepted()) await new Promise((resolve) => setImmediate(resolve));
  listener.close();
  await expect(dial('127.0.0.1', listener.port)).rejects.toThrow('ECONNREFUSED');
});

it.each([
  ['a port in use', (port: number) => `127.0.0.1:${port}`, 'EADDRINUSE'],
  ['an unknown host', () => 'no-such-host.invalid:0', 'Name resolution failed'],
])('rejects with the reason: %s', async (_what, address, reason) => {
  const listener = await listenOn('127.0.0.1:0', () => {});
  await expect(listenOn(address(listener.port), () => {})).rejects.toThrow(reason);
  listener.close();
});

it('does not listen if `localhost`, which needs no access file, is not on loopback here', async () => {
  const resolve = async () => [{ address: '127.0.0.1' }, { address: '192.0.2.1' }];
  await expect(listenOn('localhost:0', () => {}, resolve)).rejects.toThrow('192.0.2.1, which is not on');
  const own = await listenOn(
    'gateway.example:0',
    () => {},
    async () => [{ address: '127.0.0.1' }],
  );
  own.close();
});
