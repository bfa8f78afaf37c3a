import { fileURLToPath } from 'node:url';

/** The checkout that this program is in; the packed command line is in none: see embed.ts. */
export const checkout: string | undefined = fileURLToPath(new URL('../../../../', import.meta.url));
