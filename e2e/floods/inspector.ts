import type { App } from '@rekey/testing';

/** Asks the debugger of a program that listens for one (`--inspect`). Resolves when it has answered. */
export const askInspector = async (app: App, method: string, params: object = {}): Promise<void> => {
  const [url] = /ws:\/\/127\.0\.0\.1:\S+/.exec(app.output()) ?? [];
  const socket = new WebSocket(url!);
  await new Promise((resolve) => socket.addEventListener('open', resolve));
  socket.send(JSON.stringify({ id: 1, method, params }));
  await new Promise((resolve) => socket.addEventListener('message', resolve));
  socket.close();
};
