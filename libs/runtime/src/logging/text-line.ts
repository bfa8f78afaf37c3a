/** What every line has, and its text shows in front of the other fields. */
interface Line extends Record<string, unknown> {
  time: string;
  level: string;
  event: string;
  msg: string;
}

/** Values are JSON, which escapes whatever an id contains; so is a message with anything unprintable. */
export const asText = (json: string): string => {
  const { time, level, event, msg, app: _app, ...fields } = JSON.parse(json) as Line;
  const more = Object.entries(fields).map(([name, value]) => ` ${name}=${JSON.stringify(value)}`);
  const text = /[\p{Cc}\p{Zl}\p{Zp}]/u.test(msg) ? JSON.stringify(msg) : msg;
  return `${time} ${level.toUpperCase().padEnd(5)} ${event}: ${text}${more.join('')}\n`;
};
