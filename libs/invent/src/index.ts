export {
  ApiKey,
  apiKeyFromFile,
  apiKeysFromFile,
  keysByOneName,
  singleApiKey,
  type ApiKeys,
} from './api-keys.ts';
export { createByteRoom, withShare, type ByteRoom, type ByteShare } from './transport/byte-room.ts';
export { parseBaseUrl } from './base-url.ts';
export {
  LIST_PAGE_SIZE,
  createInventClient,
  type InventClient,
  type InventClientOptions,
  type Target,
} from './client.ts';
export {
  type ListOutcome,
  type NotDone,
  type Page,
  type ReadOutcome,
  type RotateOutcome,
  type UpstreamRecord,
} from './answers/outcome.ts';
export { ProxyVariableError, proxyFor, type Proxy } from './transport/proxy.ts';
