export { KeyFileError, createKeyFile, loadKeyFile, type KeyFile } from './key-file.ts';
export { SealError, createSealer, type Sealer } from './sealer.ts';
export { openRecord, sealRecord } from './sealed-record.ts';
