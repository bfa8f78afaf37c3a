import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { Command, Option } from 'commander';
import { completionScript, completionShells } from './completion-script.ts';

const program = new Command('rekey')
  .addCommand(
    new Command('retry').description("try 'it' again").argument('<rotation>').option('--wait', 'wait for it'),
  )
  .addCommand(
    new Command('bulk')
      .addCommand(new Command('create').option('--ids-file <path>', 'a file').option('--org <id>', 'an org'))
      .addCommand(
        new Command('list').addOption(new Option('--state <state>', 'a state').choices(['paused', 'failed'])),
      )
      .addCommand(new Command('retry').option('--json', 'as JSON')),
  )
  .addCommand(
    new Command('key-file').addCommand(
      new Command('create').argument('<path>').option('--if-missing', 'or leave it'),
    ),
  );

/** In place of `rekey`: the kinds that it is asked for, and words that a shell could run. */
const REKEY = `rekey() { printf '%s\\n' "of-$3" 'of-$(touch ran)' 'of-*' "$7x"; }`;

const complete = async (...words: string[]): Promise<string[]> => {
  const use = 'COMP_WORDS=(rekey "$@"); COMP_CWORD=$#; _rekey; echo "${COMPREPLY[*]}"';
  const script = `${REKEY}\n${completionScript(program, 'bash')}\n${use}`;
  const { stdout } = await promisify(execFile)('bash', ['-c', script, 'bash', ...words]);
  return stdout.trim().split(' ').filter(Boolean);
};

describe('the script for bash', () => {
  it.each([
    [['b'], ['bulk']],
    [
      ['bulk', ''],
      ['create', 'list', 'retry', 'help', '--help'],
    ],
    [['bulk', 'create', '--o'], ['--org']],
    [['bulk', 'list', '--state', 'pa'], ['paused']],
    [
      ['bulk', 'retry', '--'],
      ['--json', '--help'],
    ],
    [['retry', '--w'], ['--wait']],
    [['retry', 'list', '--w'], ['--wait']],
    [['key-file', 'create', '--if'], ['--if-missing']],
  ])('completes %j', async (words, completions) => {
    expect(await complete(...words)).toEqual(completions);
  });

  it('completes what the gateway knows, and runs and expands no part of it', async () => {
    expect(await complete('bulk', 'create', '--org', 'of-')).toEqual([
      'of-org',
      'of-$(touch',
      'ran)',
      'of-*',
      'of-x',
    ]);
    expect(await complete('retry', 'of-r')).toEqual(['of-rotation', 'of-rx']);
  });

  it.each([[['bulk', 'create', '--ids-file', '']], [['key-file', 'create', '']]])(
    'leaves %j to the shell',
    async (words) => {
      expect(await complete(...words)).toEqual([]);
    },
  );
});

describe('the script for zsh', () => {
  it('states its requirement, compinit, in a comment', () => {
    expect(completionScript(program, 'zsh')).toMatch(/^#compdef rekey\n#.*after compinit/);
  });
});

describe('completionScript', () => {
  it.each(completionShells)('completes every command and option in %s', (shell) => {
    const script = completionScript(program, shell);
    for (const word of ['retry', 'bulk', 'create', 'ids-file', 'state', 'paused', 'if-missing'])
      expect(script).toContain(word);
  });
});
