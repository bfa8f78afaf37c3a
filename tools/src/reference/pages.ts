import { activityPage } from './activity.ts';
import { cliPage } from './cli.ts';
import { environmentPage } from './environment.ts';
import { errorsPage } from './errors.ts';
import { permissionsPage } from './permissions.ts';
import { summariesModule } from './summaries.ts';

/** Defaults of options come from these; the pages are the same on every machine. */
const FROM_ENVIRONMENT = ['GRPC_ADDRESS', 'REDIS_URL', 'REDIS_URL_FILE', 'REKEY_PREFIX', 'REKEY_KEY_FILE'];

/** What is written from the code, by its path from docs/reference: pages, and the summaries of commands. */
export const referencePages = async (): Promise<Record<string, string>> => {
  for (const name of FROM_ENVIRONMENT) delete process.env[name];
  const { rekeyProgram } = await import('../../../apps/cli/src/program.ts');
  const program = await rekeyProgram();
  return {
    '../../apps/cli/src/entry/summaries.generated.ts': summariesModule(program),
    'activity.md': activityPage(),
    'cli.md': cliPage(program),
    'environment.md': environmentPage(),
    'errors.md': errorsPage(),
    'permissions.md': permissionsPage(),
  };
};
