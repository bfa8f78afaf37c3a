// What libs/invent uses of undici, in packages for Node 20: undici as a whole needs Node 22.
export { default as Pool } from 'undici/lib/dispatcher/pool.js';
export { default as buildConnector } from 'undici/lib/core/connect.js';
