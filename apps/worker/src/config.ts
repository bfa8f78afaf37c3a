import { ApiKey, ProxyVariableError, parseBaseUrl, proxyFor } from '@rekey/invent';
import { refineWorkerVariables, workerVariables } from '@rekey/runtime';
import { z } from 'zod';

export const WorkerEnvironment = z
  .object({
    ...workerVariables,
    INVENT_API_KEY: ApiKey.optional(),
    REKEY_KEY_FILE: z.string(),
  })
  .superRefine(refineWorkerVariables)
  .superRefine((env, ctx) => {
    const complain = (name: string, message: string) =>
      ctx.addIssue({ code: 'custom', path: [name], message });
    if (!env.INVENT_API_KEY && !env.INVENT_API_KEYS_FILE)
      complain('INVENT_API_KEY', 'is required, or INVENT_API_KEYS_FILE');
    try {
      proxyFor(parseBaseUrl(env.INVENT_BASE_URL, env.INVENT_PLAIN_HTTP_HOSTS), env);
    } catch (error) {
      if (error instanceof ProxyVariableError) return complain(error.variable, error.message);
      complain('INVENT_BASE_URL', error instanceof z.ZodError ? 'must be a URL' : (error as Error).message);
    }
  });
export type WorkerEnvironment = z.infer<typeof WorkerEnvironment>;
