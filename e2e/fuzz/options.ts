import { Command, InvalidArgumentError } from 'commander';

interface FuzzOptions {
  messages: number;
  seed: number;
}

const positive = (text: string): number => {
  if (!/^\d{1,12}$/.test(text) || Number(text) < 1)
    throw new InvalidArgumentError('must be a whole number from 1');
  return Number(text);
};

export const fuzzCommand = (): Command =>
  new Command('npm run fuzz --')
    .description(
      'Starts a gateway, and sends it mutated messages of all its methods, on connections whose headers\n' +
        'and frames are partly wrong too. Another process checks its health meanwhile. Exits with 1 if\n' +
        'the gateway ends, an error is not foreseen, GET /healthz takes longer than 100 ms or\n' +
        'grpc.health.v1 longer than a second, or memory is kept.',
    )
    .argument('[messages]', 'number of messages; a million take about ten minutes', positive, 1_000_000)
    .argument('[seed]', 'decides the messages: the same seed sends the same', positive, 1);

export const readFuzzOptions = (command: Command, args?: readonly string[]): FuzzOptions => {
  const [messages, seed] = command.parse(args).processedArgs as [number, number];
  return { messages, seed };
};
