import { writeFileSync } from 'node:fs';
import { renderLogEvents } from './log-events-page.ts';

// Part of npm run generate.
writeFileSync(new URL('../../../../docs/reference/log-events.md', import.meta.url), renderLogEvents());
