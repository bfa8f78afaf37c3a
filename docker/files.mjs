// Files that containers mount: each is written in place, because a mount is of the file and not of its name.
import { chmodSync, chownSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Writers of files in a folder. `owner`: the user of gateway and worker in the image. */
export const filesIn = (folder, owner) => {
  const pathOf = (name) => join(folder, name);
  /** Gives a file to the owner; `mode` 0444 if Redis reads it, as a user of its own. */
  const secure = (name, mode = 0o400) => {
    if (process.getuid() === 0) chownSync(pathOf(name), owner, owner);
    chmodSync(pathOf(name), mode);
  };
  const writeOwn = (name, text) => {
    if (existsSync(pathOf(name))) chmodSync(pathOf(name), 0o600);
    writeFileSync(pathOf(name), text, { mode: 0o600 });
    chmodSync(pathOf(name), 0o400);
  };
  const write = (name, text, mode) => {
    writeOwn(name, text);
    secure(name, mode);
  };
  return { pathOf, secure, write, writeOwn };
};
