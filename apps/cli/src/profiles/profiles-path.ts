import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** By the XDG Base Directory Specification, which ignores relative paths. */
export const profilesPath = (env: NodeJS.ProcessEnv = process.env): string => {
  const { XDG_CONFIG_HOME: folder = '' } = env;
  return join(isAbsolute(folder) ? folder : join(homedir(), '.config'), 'rekey', 'profiles.json');
};
