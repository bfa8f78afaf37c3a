import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';

/** The least that answers with a user hash over a UNIX socket: one key, no checks, no age. */

const { PATH_OF_SOCKET = '' } = process.env;
const SECRET = 'sk_bench_0123456789abcdef0123456789abcdef';

createServer((request, response) => {
  let body = '';
  request.on('data', (chunk) => (body += chunk));
  request.on('end', () => {
    const { user_id: userId } = JSON.parse(body) as { user_id: string };
    const json = `{"user_hash":"${createHmac('sha256', SECRET).update(userId).digest('hex')}"}`;
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': json.length });
    response.end(json);
  });
}).listen(PATH_OF_SOCKET, () => process.stdout.write('{"ready":true}\n'));
