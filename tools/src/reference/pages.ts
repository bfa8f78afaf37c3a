import { activityPage } from './activity.ts';
import { cliPage } from './cli.ts';
import { environmentPage } from './environment.ts';
import { errorsPage } from './errors.ts';
import { permissionsPage } from './permissions.ts';

/** Defaults of options come from these; the pages are the same on every machine. */
const FROM_ENVIRONMENT = ['GRPC_ADDRESS', 'REDIS_URL', 'REDIS_URL_FILE', 'REKEY_PREFIX', 'REKEY_KEY_FILE'];

/** The pages of docs/reference that are written from the code, by their file names. */
export const referencePages = async (): Promise<Record<string, string>> => {
  for (const name of FROM_ENVIRONMENT) delete process.env[name];
  const { rekeyProgram } = await import('../../../apps/cli/src/program.ts');
  return {
    'activity.md': activityPage(),
    'cli.md': cliPage(rekeyProgram()),
    'environment.md': environmentPage(),
    'errors.md': errorsPage(),
    'permissions.md': permissionsPage(),
  };
};
