#!/usr/bin/env -S node --conditions=@rekey/source
// JavaScript, so that an older Node gets as far as the check.
import '@rekey/runtime/check-node';

// Not awaited: the packed command line is CommonJS.
void import('./src/main.ts');
