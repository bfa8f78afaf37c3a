/** A record of activity, from the archive or from Redis. */
export interface SeenRecord {
  position: string;
  type: string;
  by: string;
  target?: string;
  before?: string;
  after?: string;
}
