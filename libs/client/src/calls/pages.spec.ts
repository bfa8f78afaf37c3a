import { describe, expect, it } from '@jest/globals';
import { connect, inTurn, startFake } from '../gateway-fixture.ts';

const page = (ids: string[], incomplete: boolean, nextPageToken = '') => ({
  assistants: ids.map((assistantId) => ({
    assistantId,
    orgId: 'org_1',
    updateTime: { seconds: 1, nanos: 0 },
  })),
  incomplete,
  nextPageToken,
});
const orgs = (orgId: string, incomplete: boolean, nextPageToken = '') => ({
  orgs: [{ orgId }],
  incomplete,
  nextPageToken,
});
/** What a list says of itself before it is read, after each element, and at its end. */
const statesOf = async <T>(list: AsyncIterable<T> & { incomplete: boolean }) => {
  const states = [list.incomplete];
  for await (const _ of list) states.push(list.incomplete);
  return [...states, list.incomplete];
};

describe('a list that is read page after page', () => {
  it('is incomplete from the first page on that is', async () => {
    const { requests, handler } = inTurn(
      page(['ast_1'], false, 'a'),
      page(['ast_2'], true, 'b'),
      page(['ast_3'], false),
    );
    const client = connect(await startFake({ assistants: { ListAssistants: handler } }));
    expect(await statesOf(client.assistants())).toEqual([false, false, true, true, true]);
    expect(requests).toHaveLength(3);
  });

  it('is incomplete if an empty page is', async () => {
    const { handler } = inTurn(page([], true));
    const client = connect(await startFake({ assistants: { ListAssistants: handler } }));
    expect(await statesOf(client.assistants())).toEqual([false, true]);
  });

  it.each([true, false])('of orgs says whether it is incomplete: %s', async (incomplete) => {
    const { handler } = inTurn(orgs('org_1', false, 'a'), orgs('org_2', incomplete));
    const client = connect(await startFake({ assistants: { ListOrgs: handler } }));
    expect(await statesOf(client.orgs())).toEqual([false, false, incomplete, incomplete]);
  });
});
