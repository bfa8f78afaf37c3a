import { describe, expect, it } from '@jest/globals';
import { activityTypes, systemParts } from '@rekey/schema';
import { ACTOR_ARGS } from '../../scripts/header.ts';
import { commandNames, commandText, headerOf } from '../../scripts/load.ts';
import { activityOfCommands, recordedElsewhere } from './commands-fixture.ts';

/** Types that the code of a command names. */
const typesIn = (text: string): string[] =>
  [...new Set([...text.matchAll(/'([a-z][a-z_]*\.[a-z][a-z_]*)'/g)].map(([, type]) => type!))].toSorted();

describe('the activity of each command', () => {
  it.each(commandNames)('%s records what its row says, and nothing else', (name) => {
    const row = activityOfCommands[name];
    const types = typeof row === 'string' ? [] : row.toSorted();
    expect(typesIn(commandText(name))).toEqual(types);
  });

  it('has a command for each type', () => {
    const recorded = Object.values(activityOfCommands).flatMap((row) => (typeof row === 'string' ? [] : row));
    expect([...new Set([...recorded, ...recordedElsewhere])].toSorted()).toEqual(
      Object.keys(activityTypes).toSorted(),
    );
  });

  it('names only parts of Rekey that are listed', () => {
    const named = commandNames.flatMap((name) =>
      [...commandText(name).matchAll(/(?:record_activity\(|\bor |\band )'system:([a-z]+)'/g)].map(
        ([, part]) => part,
      ),
    );
    expect(Object.keys(systemParts)).toEqual(expect.arrayContaining([...new Set(named)]));
  });

  it('appends none to the changes that no caller requests, and says why', () => {
    const silent = commandNames.filter((name) => typeof activityOfCommands[name] === 'string');
    const ofCallers = commandNames.filter((name) => headerOf(name).args.includes(ACTOR_ARGS[0]!));
    expect(ofCallers.filter((name) => silent.includes(name))).toEqual([]);
    const readers = silent.filter((name) => activityOfCommands[name] === 'reads');
    expect(readers.filter((name) => headerOf(name).body.includes("write('"))).toEqual([]);
  });
});
