import { createHmac } from 'node:crypto';
import { request } from 'node:http';

/** Asks the agent to sign for a user, as a service in any language does; undefined while it cannot. */
export const askUserHash = (
  socketPath: string,
  assistantId: string,
  userId: string,
): Promise<string | undefined> =>
  new Promise((resolve) => {
    const asked = request(
      {
        socketPath,
        method: 'POST',
        path: `/v1/assistants/${encodeURIComponent(assistantId)}/user-hash`,
        headers: { 'content-type': 'application/json' },
      },
      (response) => {
        let text = '';
        response.on('data', (chunk) => (text += String(chunk)));
        response.on('end', () => {
          const { user_hash: hash } = response.statusCode === 200 ? (JSON.parse(text) as Answer) : {};
          resolve(hash);
        });
      },
    );
    asked.on('error', () => resolve(undefined));
    asked.end(JSON.stringify({ user_id: userId }));
  });

interface Answer {
  user_hash?: string;
}

/** What Invent computes with the key in force. */
export const userHash = (secretKey: string, userId: string): string =>
  createHmac('sha256', secretKey).update(userId).digest('hex');
