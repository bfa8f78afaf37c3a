/** The id of a stream entry: ms and a number, without leading zeros. */
const POSITION = /^(?:0|[1-9]\d{0,19})-(?:0|[1-9]\d{0,19})$/;
/** Before every entry. */
export const START = '0-0';

export const isPosition = (text: unknown): text is string => typeof text === 'string' && POSITION.test(text);

/** Whether a position comes after another. Both must be positions: numbers without leading zeros. */
export const isAfter = (id: string, other: string): boolean => {
  const [dash, otherDash] = [id.indexOf('-'), other.indexOf('-')];
  const [ms, otherMs] = [id.slice(0, dash), other.slice(0, otherDash)];
  return ms === otherMs ? isMore(id.slice(dash + 1), other.slice(otherDash + 1)) : isMore(ms, otherMs);
};

const isMore = (digits: string, other: string): boolean =>
  digits.length === other.length ? digits > other : digits.length > other.length;

/** A place in the archive: positions rise within an epoch, and may go back with the next. */
export interface Place {
  /** Rises when Redis has another history than the archive. */
  epoch: number;
  position: string;
}

export const isPlaceAfter = (place: Place, other: Place): boolean =>
  place.epoch === other.epoch ? isAfter(place.position, other.position) : place.epoch > other.epoch;
