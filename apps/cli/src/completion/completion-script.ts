import type { Command } from 'commander';
import type { ValueKind } from './completion-values.ts';

/** The possible completions after one command. */
interface Place {
  /** `bulk create`; empty for `rekey` itself. */
  path: string;
  /** Sub-commands, and choices of its argument. */
  words: Word[];
  options: (Word & { value: Value })[];
  /** Whether its argument is the path of a file. */
  takesPath: boolean;
  /** What the gateway knows of its arguments: `org,assistant`; empty if nothing. */
  kinds: string;
}

interface Word {
  name: string;
  description: string;
}

/** The value of an option: none, one of these words, a path, any text, or what the gateway knows. */
type Value = 'none' | 'path' | 'other' | readonly string[] | { kind: ValueKind };

export const completionShells = ['bash', 'zsh', 'fish'] as const;
export type CompletionShell = (typeof completionShells)[number];

const isPath = (name: string): boolean => name === 'path';

const OPTION_KINDS: Readonly<Record<string, ValueKind>> = {
  '--org': 'org',
  '--assistant': 'assistant',
  '--consumer': 'consumer',
  '--require-consumer': 'consumer',
  '--not-acknowledged-by': 'consumer',
  '--except': 'consumer',
  '--profile': 'profile',
};
const ARGUMENT_KINDS: Readonly<Record<string, readonly ValueKind[]>> = {
  org: ['org'],
  assistant: ['assistant'],
  rotation: ['rotation'],
  bulk: ['bulk'],
  policy: ['policy'],
  id: ['rotation', 'bulk', 'assistant'],
};
/** Commands whose `name` is of something that exists. */
const NAME_KINDS: Readonly<Record<string, ValueKind>> = {
  'consumer orgs': 'consumer',
  'consumer status': 'consumer',
  'consumer remove': 'consumer',
  'token revoke': 'token',
  'profile show': 'profile',
  'profile use': 'profile',
  'profile remove': 'profile',
  login: 'profile',
};

const kindsOf = (command: Command, path: string): string =>
  command.registeredArguments
    .flatMap((argument) => {
      const ofName = argument.name() === 'name' ? NAME_KINDS[path] : undefined;
      return ofName === undefined ? (ARGUMENT_KINDS[argument.name()] ?? []) : [ofName];
    })
    .join(',');

const valueOf = ({ long, flags, required, argChoices }: Command['options'][number]): Value => {
  if (argChoices) return argChoices;
  if (!required) return 'none';
  const kind = OPTION_KINDS[long!];
  if (kind !== undefined) return { kind };
  return isPath(/<(.*)>/.exec(flags)![1]!) ? 'path' : 'other';
};

const placesOf = (command: Command, path: string[] = []): Place[] => {
  const help = command.createHelp();
  const commands = help.visibleCommands(command);
  const choices = command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
  const place: Place = {
    path: path.join(' '),
    words: [
      ...commands.map((sub) => ({ name: sub.name(), description: sub.description() })),
      ...choices.map((name) => ({ name, description: '' })),
    ],
    options: help.visibleOptions(command).map((option) => ({
      name: option.long!,
      description: option.description,
      value: valueOf(option),
    })),
    takesPath: command.registeredArguments.some((argument) => isPath(argument.name())),
    kinds: kindsOf(command, path.join(' ')),
  };
  return [place, ...commands.flatMap((sub) => placesOf(sub, [...path, sub.name()]))];
};

const indented = (lines: string[], by: number): string =>
  lines.map((line) => `${' '.repeat(by)}${line}`).join('\n');
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** What a script does for the value of an option, by its kind. */
interface ValueAnswers {
  words: (choices: readonly string[]) => string;
  known: (kinds: string) => string;
  path: string;
  other: string;
}

/** Branches of a `case`, one for each command whose arguments the gateway knows. */
const argumentCases = (places: Place[], known: (kinds: string) => string): string[] =>
  places
    .filter(({ kinds }) => kinds !== '')
    .map(({ path, kinds }) => `"${path}") if [[ $current != -* ]]; then ${known(kinds)}; fi ;;`);

/** Branches of a `case`, one for each option with a value, by the kind of value. */
const valueCases = (places: Place[], { words, known, path, other }: ValueAnswers): string[] =>
  places.flatMap((place) =>
    place.options.flatMap(({ name, value }) => {
      if (value === 'none') return [];
      const answer =
        value === 'path'
          ? path
          : value === 'other'
            ? other
            : 'kind' in value
              ? known(value.kind)
              : words(value);
      return [`"${place.path} ${name}") ${answer} ;;`];
    }),
  );

const subCommands = (places: Place[]): string =>
  places
    .filter(({ path }) => path !== '')
    .map(({ path }) => `"${path.includes(' ') ? path : ` ${path}`}"`)
    .join('|');

const bashValues = {
  words: (choices: readonly string[]) =>
    `COMPREPLY=($(compgen -W ${quoted(choices.join(' '))} -- "$current")); return`,
  known: (kinds: string) => `_rekey_values ${kinds}; return`,
  path: 'return',
  other: 'return',
};

const bash = (
  places: Place[],
): string => `# Completion of rekey for bash. For this shell: source <(rekey completion bash)
# What the gateway knows. No word of it is expanded.
_rekey_values() {
  local line
  while IFS= read -r line; do
    [[ $line == "$current"* ]] && COMPREPLY+=("$line")
  done < <(rekey completion values "$1" --line "\${COMP_LINE:0:COMP_POINT}" -- "$current" 2>/dev/null)
}
_rekey() {
  local current="\${COMP_WORDS[COMP_CWORD]}" command="" words="" word
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$command $word" in
      ${subCommands(places)}) command="\${command:+$command }$word" ;;
    esac
  done
  # Without a reply, bash completes file names.
  case "$command \${COMP_WORDS[COMP_CWORD-1]}" in
${indented(valueCases(places, bashValues), 4)}
  esac
  case "$command" in
${indented(
  places.map(
    ({ path, words, options }) =>
      `"${path}") words=${quoted([...words, ...options].map(({ name }) => name).join(' '))} ;;`,
  ),
  4,
)}
  esac
  case "$command" in
${indented(
  places
    .filter(({ takesPath }) => takesPath)
    .map(({ path }) => `"${path}") [[ $current == -* ]] || return ;;`),
  4,
)}
  esac
  case "$command" in
${indented(argumentCases(places, bashValues.known), 4)}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _rekey rekey
`;

const described = ({ name, description }: Word): string => quoted(`${name}:${description}`);

const zshValues = {
  words: (choices: readonly string[]) => `compadd -- ${choices.join(' ')}; return`,
  known: (kinds: string) => `_rekey_values ${kinds}; return`,
  path: '_files; return',
  other: 'return',
};

const zsh = (places: Place[]): string => `#compdef rekey
# Completion of rekey for zsh. For this shell, after compinit: source <(rekey completion zsh)
# What the gateway knows.
_rekey_values() {
  local line="\${(j: :)words[1,CURRENT]}"
  compadd -- \${(f)"$(rekey completion values "$1" --line "$line" -- "$current" 2>/dev/null)"}
}
_rekey() {
  local current="\${words[CURRENT]}" command="" word
  local -a found
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$command $word" in
      ${subCommands(places)}) command="\${command:+$command }$word" ;;
    esac
  done
  case "$command \${words[CURRENT-1]}" in
${indented(valueCases(places, zshValues), 4)}
  esac
  case "$command" in
${indented(
  places
    .filter(({ takesPath }) => takesPath)
    .map(({ path }) => `"${path}") if [[ $current != -* ]]; then _files; return; fi ;;`),
  4,
)}
  esac
  case "$command" in
${indented(argumentCases(places, zshValues.known), 4)}
  esac
  case "$command" in
${indented(
  places.map(
    ({ path, words, options }) => `"${path}") found=(${[...words, ...options].map(described).join(' ')}) ;;`,
  ),
  4,
)}
  esac
  _describe 'rekey' found
}
compdef _rekey rekey
`;

const fishQuoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

/** What the gateway knows, asked at Tab. */
const fishKnown = (kinds: string): string =>
  fishQuoted(
    `(rekey completion values ${kinds} --line (commandline -cp | string collect) ` +
      '-- (commandline -ct) 2>/dev/null)',
  );

const fishPlace = ({ path, words, options, takesPath, kinds }: Place): string[] => {
  const at = `complete -c rekey -n ${fishQuoted(`__rekey_at ${path}`.trim())}`;
  const value = (of: Value): string =>
    of === 'none'
      ? ''
      : of === 'path'
        ? ' -r -F'
        : of === 'other'
          ? ' -x'
          : ` -x -a ${'kind' in of ? fishKnown(of.kind) : fishQuoted(of.join(' '))}`;
  return [
    ...(takesPath ? [`${at} -F`] : []),
    ...(kinds === '' ? [] : [`${at} -a ${fishKnown(kinds)}`]),
    ...words.map(({ name, description }) => `${at} -a ${name} -d ${fishQuoted(description)}`),
    ...options.map(
      ({ name, description, value: of }) =>
        `${at} -l ${name.slice(2)}${value(of)} -d ${fishQuoted(description)}`,
    ),
  ];
};

const fish = (
  places: Place[],
): string => `# Completion of rekey for fish. For this shell: rekey completion fish | source
function __rekey_at
    set -l command ''
    for word in (commandline -opc)[2..-1]
        switch "$command $word"
            case ${places
              .filter(({ path }) => path !== '')
              .map(({ path }) => `'${path.includes(' ') ? path : ` ${path}`}'`)
              .join(' ')}
                set command (string trim -- "$command $word")
        end
    end
    test "$command" = "$argv"
end
complete -c rekey -f
${places.flatMap(fishPlace).join('\n')}
`;

/**
 * A script that completes the program's current commands and options, without starting it at each Tab. It
 * starts it only for ids and names, which the gateway knows.
 */
export const completionScript = (program: Command, shell: CompletionShell): string =>
  ({ bash, zsh, fish })[shell](placesOf(program));
