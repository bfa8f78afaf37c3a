import { errorTable } from '@rekey/schema';
import { code, page, table } from './markdown.ts';

const INTRODUCTION = `
# Errors

Generated from the error table in \`libs/schema\` by \`npm run generate\`.

Each reason is stable: branch on it, never on the message. It appears

- as \`ErrorInfo.reason\` of a gRPC call that fails, with the gRPC code of the table.
  \`ErrorInfo.metadata\` has what the error concerns, \`retryable\` and \`advice\`;
- in \`error.reason\` of a rotation, bulk rotation, sweep or policy that failed, waits or halted;
- in the last line of \`rekey\`, in parentheses.

**Retry** says whether the same call, with the same \`request_id\`, can be repeated as it is. "No" means that
a repeated call fails the same way, or that the outcome has to be known first.

The clients add reasons of their own for what never reached the gateway:
[\`@rekey/client\`](../../libs/client/README.md#errors),
[\`@rekey/subscriber\`](../../libs/subscriber/README.md).
`;

export const errorsPage = (): string =>
  page(
    INTRODUCTION,
    table(
      ['reason', 'gRPC code', 'retry', 'message', 'what to do'],
      Object.entries(errorTable)
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([reason, { grpc, retry, message, advice }]) => [
          code(reason),
          code(grpc),
          retry ? 'yes' : 'no',
          message,
          advice,
        ]),
    ),
  );
