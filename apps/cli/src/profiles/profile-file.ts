import { existsSync } from 'node:fs';
import { mkdir, open, realpath, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TextFileError, complaintAboutAccess, readTextFile } from '@rekey/schema';
import { CliError } from '../failure.ts';
import { Profiles } from './profile-schema.ts';
import { profilesPath } from './profiles-path.ts';

const refuse = (path: string, complaint: string): CliError =>
  new CliError(`The file of profiles, ${path}, ${complaint}.`, 'PROFILES_INVALID');

/** No profile is found under the name of what every object has, such as `constructor`. */
const named = (profiles: Profiles['profiles']): Profiles['profiles'] =>
  Object.assign(Object.create(null) as Profiles['profiles'], profiles);

const parse = (path: string, text: string): Profiles => {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw refuse(path, 'is not JSON');
  }
  const { data, error } = Profiles.safeParse(json);
  if (data) return { ...data, profiles: named(data.profiles) };
  // Its values may be tokens: the message names the field, never its value.
  const [{ path: where, message }] = error.issues as [(typeof error.issues)[number]];
  throw refuse(path, `cannot be used: ${[...where.map(String), message].join(': ')}`);
};

/**
 * The profiles; none if there is no file. Refuses a file that other users can read or write, whatever is in
 * it.
 */
export const readProfiles = (path: string = profilesPath()): Profiles => {
  if (!existsSync(path)) return { profiles: named({}) };
  try {
    const text = readTextFile(path, {
      onOpen: (stats) => {
        const complaint = complaintAboutAccess(stats)?.replace(/\. If a container.*/, '');
        if (complaint !== undefined) throw refuse(path, complaint);
      },
    });
    return parse(path, text);
  } catch (error) {
    throw error instanceof TextFileError ? refuse(path, error.message) : error;
  }
};

const cannotWrite = (path: string) => (error: NodeJS.ErrnoException) => {
  throw refuse(path, `cannot be written (${error.code})`);
};

/** Replaces the file as a whole: a reader finds the old profiles or the new ones. Only its owner reads it. */
export const writeProfiles = async (profiles: Profiles, path: string = profilesPath()): Promise<void> => {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 }).catch(cannotWrite(path));
  // The file may be a link into a folder of configuration.
  const target = await realpath(path).catch(() => path);
  const temporary = join(dirname(target), `.profiles.${process.pid}.tmp`);
  await rm(temporary, { force: true }).catch(cannotWrite(path));
  const file = await open(temporary, 'wx', 0o600).catch(cannotWrite(path));
  try {
    await file.writeFile(`${JSON.stringify(profiles, null, 2)}\n`);
    await file.sync();
    await file.close();
    await rename(temporary, target);
  } catch (error) {
    await file.close().catch(() => {});
    await rm(temporary, { force: true });
    throw error;
  }
};
