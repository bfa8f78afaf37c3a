import { subscribe } from '@rekey/subscriber';

/** A service that signs with keys that only a gateway gives it. It prints a line for each key. */
const { GATEWAY = '', CA = '', CERT = '', KEY = '', KEY_FILE = '' } = process.env;

const keys = await subscribe({
  gateway: { address: GATEWAY, tls: { ca: CA, cert: CERT, key: KEY } },
  consumer: 'billing',
  privateKey: KEY_FILE,
  staleAfterMs: 1000,
});
const sign = () => {
  const { userHash } = keys.signUserHashWithVersion('ast_1', 'user-42');
  process.stdout.write(`hash ${userHash}\n`);
};
keys.on('key', ({ assistantId }) => {
  if (assistantId === 'ast_1') sign();
});
keys.on('stale', ({ behindMs }) => process.stdout.write(`stale ${Math.round(behindMs)}\n`));
sign();
