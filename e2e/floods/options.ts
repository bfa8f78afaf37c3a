import { Command, InvalidArgumentError } from 'commander';
import { floods, type Flood } from './floods.ts';

interface FloodOptions {
  scale: number;
  chosen: readonly Flood[];
}

const scaleOf = (text: string): number => {
  const scale = Number(text);
  if (!(scale > 0 && scale <= 10)) throw new InvalidArgumentError('must be a number above 0, up to 10');
  return scale;
};

const patternOf = (text: string): RegExp => {
  try {
    return new RegExp(text);
  } catch {
    throw new InvalidArgumentError('must be a regular expression');
  }
};

const floodsOf = (text: string): readonly Flood[] => {
  const pattern = patternOf(text);
  const chosen = floods.filter(({ name }) => pattern.test(name));
  if (chosen.length > 0) return chosen;
  throw new InvalidArgumentError(`matches no name. Floods: ${floods.map(({ name }) => name).join(', ')}`);
};

export const floodsCommand = (): Command =>
  new Command('npm run floods --')
    .description(
      'Starts a gateway, and makes it hold as much as one caller can: calls half open, waits, watches,\n' +
        'resets, pings, idle connections, responses that nobody reads. Another process checks its health\n' +
        'meanwhile. Exits with 1 if the gateway ends, GET /healthz takes longer than 100 ms or\n' +
        'grpc.health.v1 longer than 1 s, or memory is kept.',
    )
    .argument('[scale]', 'size of the floods: 1 for all of them in about two minutes', scaleOf, 1)
    .argument('[pattern]', 'only the floods whose name matches it', floodsOf, floods)
    .addHelpText('after', `\nFloods:\n${floods.map(({ name }) => `  ${name}`).join('\n')}`);

export const readFloodOptions = (command: Command, args?: readonly string[]): FloodOptions => {
  const [scale, chosen] = command.parse(args).processedArgs as [number, readonly Flood[]];
  return { scale, chosen };
};
