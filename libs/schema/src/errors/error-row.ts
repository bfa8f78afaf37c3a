/** The canonical gRPC codes (google.rpc.Code) that Rekey answers with. */
type GrpcCode =
  | 'INVALID_ARGUMENT'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'PERMISSION_DENIED'
  | 'UNAUTHENTICATED'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'UNKNOWN'
  | 'UNAVAILABLE'
  | 'INTERNAL';

/** What a user reads about an error. */
export interface ErrorText {
  /** What is wrong. It never quotes an upstream body, an id or a secret. */
  message: string;
  /** What to do about it. */
  advice: string;
}

export interface ErrorRow extends ErrorText {
  grpc: GrpcCode;
  /** Whether the same call, or the same upstream request, can be retried as it is. */
  retry: boolean;
}
