import type { Plugin } from 'rolldown';

/*
 * A command line is loaded anew for each command, and most of the time of a command is that of loading. This
 * leaves out what no package here uses of its dependencies, and defers modules of Node that few commands use.
 */

/**
 * What the client of gRPC needs of grpc-js, without its server. `channel.js` comes early: its modules import
 * each other.
 */
const GRPC = `import { ChannelCredentials } from '@grpc/grpc-js/build/src/channel-credentials.js';
import '@grpc/grpc-js/build/src/channel.js';
import * as dns from '@grpc/grpc-js/build/src/resolver-dns.js';
import * as unixSockets from '@grpc/grpc-js/build/src/resolver-uds.js';
import * as addresses from '@grpc/grpc-js/build/src/resolver-ip.js';
import * as pickFirst from '@grpc/grpc-js/build/src/load-balancer-pick-first.js';
import * as roundRobin from '@grpc/grpc-js/build/src/load-balancer-round-robin.js';
export { InterceptingCall } from '@grpc/grpc-js/build/src/client-interceptors.js';
export { Client } from '@grpc/grpc-js/build/src/client.js';
export { Status as status } from '@grpc/grpc-js/build/src/constants.js';
export { makeClientConstructor } from '@grpc/grpc-js/build/src/make-client.js';
export { Metadata } from '@grpc/grpc-js/build/src/metadata.js';
const { createInsecure, createSsl } = ChannelCredentials;
export const credentials = { createInsecure, createSsl };
// Of the modules for servers in libs/rpc, which no package contains.
export const ServerInterceptingCall = undefined;
for (const part of [dns, unixSockets, addresses, pickFirst, roundRobin]) part.setup();`;

/** What libs/invent uses of undici, which as a whole needs Node 22. */
const UNDICI = `export { default as Pool } from 'undici/lib/dispatcher/pool.js';
export { default as buildConnector } from 'undici/lib/core/connect.js';`;

/** grpc-js loads it for diagnostics that only a server has. */
const PROTO_LOADER = `exports.loadSync = () => { throw new Error('not in this package'); };`;

const parts: Readonly<Record<string, string>> = {
  '@grpc/grpc-js': GRPC,
  '@grpc/proto-loader': PROTO_LOADER,
  undici: UNDICI,
};

/** Loads a module of Node when it is first used. */
const deferred = (name: string): string =>
  `module.exports = new Proxy({}, { get: (_none, key) => require('node:${name}')[key] });`;

/** Modules of Node as these dependencies get them. */
const builtins: Readonly<Record<string, string>> = {
  // For compressed messages, which Rekey does not send.
  zlib: deferred('zlib'),
  // For commands that are programs of their own.
  child_process: deferred('child_process'),
  // Node compiles a long expression at the first isIPv6, for which an address without a colon need not wait.
  net: `const net = require('node:net');
const isIPv6 = (host) => String(host).includes(':') && net.isIPv6(host);
module.exports = Object.create(net, { isIPv6: { value: isIPv6 } });`,
};
const DEPENDENCIES = /\/node_modules\/(?:@grpc\/grpc-js|commander)\//;
const builtinOf = (id: string, importer = ''): string | undefined => {
  const name = id.replace(/^node:/, '');
  return Object.hasOwn(builtins, name) && DEPENDENCIES.test(importer) ? name : undefined;
};

/** Whether a module of Node is replaced, so that it is not external. */
export const isReplaced = (id: string, importer: string | undefined): boolean =>
  builtinOf(id, importer) !== undefined;

const PART = '\0part:';
const BUILTIN = '\0builtin:';

/**
 * long multiplies with WebAssembly if there is some, and without it if there is none. To compile it takes
 * longer than all that a command multiplies.
 */
const withoutWebAssembly = (code: string): string => {
  const without = code.replace('new WebAssembly.Instance(', '(() => { throw null; })(');
  if (without === code) throw new Error('long is another one: see trimmed-dependencies.ts');
  return without;
};

export const trimDependencies: Plugin = {
  name: 'trim-dependencies',
  resolveId: (id, importer) => {
    if (Object.hasOwn(parts, id)) return `${PART}${id}`;
    const builtin = builtinOf(id, importer);
    return builtin === undefined ? undefined : `${BUILTIN}${builtin}`;
  },
  load: (id) => {
    if (id.startsWith(PART)) return parts[id.slice(PART.length)];
    return id.startsWith(BUILTIN) ? builtins[id.slice(BUILTIN.length)] : undefined;
  },
  transform: (code, id) =>
    id.endsWith('/node_modules/long/index.js') ? withoutWebAssembly(code) : undefined,
};
