export { ApiKey, ApiKeyFileError, apiKeysFromFile, singleApiKey, type ApiKeys } from './api-keys.ts';
export { parseBaseUrl } from './base-url.ts';
export { createInventClient, type InventClient, type ListOutcome, type NotDone, type Page, type ReadOutcome, type RotateOutcome, type Unknown, type UpstreamRecord } from './client.ts';
