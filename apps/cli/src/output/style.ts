import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

let isOff = false;

/** For --no-color. */
export const turnColorOff = (): void => void (isOff = true);

/** Whether a stream is a terminal that shows colors, and neither --no-color nor NO_COLOR is given. */
const hasColor = (stream: NodeJS.WriteStream): boolean =>
  !isOff && stream.isTTY && !process.env['NO_COLOR'] && stream.hasColors();

/** The text in a style, on a terminal with colors. */
export const styled = (style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string =>
  text !== '' && hasColor(stream) ? styleText(style, text, { validateStream: false }) : text;

const STYLES: [style: Style, states: string[]][] = [
  [
    ['bold', 'green'],
    ['SUCCEEDED', 'COMPLETED', 'VALIDATED', 'ACTIVE', 'SERVING', 'SHARED', 'VALID', 'ok'],
  ],
  [
    ['bold', 'red'],
    ['FAILED', 'HALTED', 'NOT_SERVING', 'DELETED', 'fail'],
  ],
  [
    ['bold', 'yellow'],
    ['RECONCILING', 'PAUSED', 'UNKNOWN', 'UNCERTAIN', 'CANCELLING', 'LAGGING', 'warn'],
  ],
  [['dim'], ['CANCELLED', 'expired', 'skip']],
];

/** A state in its color; states without one, such as those in progress, are cyan. */
export const styledState = (state: string, stream?: NodeJS.WriteStream): string =>
  styled(STYLES.find(([, states]) => states.includes(state))?.[0] ?? ['cyan'], state, stream);

/** The same, as wide as a column. */
export const paddedState = (state: string, width: number): string =>
  styledState(state) + ' '.repeat(Math.max(width - state.length, 0));
