/**
 * The longest record, as text in bytes; known records are far shorter. Every part on its way accepts this
 * length: the response of Invent, Redis, gRPC (MAX_MESSAGE_BYTES in libs/client), consumers. Rekey does not
 * publish a longer record, and does not replace its key while it knows of the length.
 */
export const MAX_RECORD_BYTES = 16 * 1024 * 1024;
