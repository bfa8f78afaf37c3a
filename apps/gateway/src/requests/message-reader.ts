/** Reads the messages of one client stream, in order. */
export interface MessageReader<Message, Part> {
  /** Checks the next message and returns what it asks for. Throws INVALID_ARGUMENT. */
  read(message: Message): Part;
  /** Checks a stream that has ended. Throws INVALID_ARGUMENT if something is missing. */
  end(): void;
}
