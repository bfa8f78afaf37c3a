#!/usr/bin/env -S node --conditions=@rekey/source
// JavaScript, so that an older Node gets as far as the check.
import '@rekey/runtime/check-node';

await import('./src/main.ts');
