import { refusedByContent, refusedByForm, refusedBySealing } from './refused-events.ts';
import { openedEvents } from './opened-events.ts';
import { CHANGED, NOW_US, ROTATED, eventOf, recordOf, seal } from './sealed.ts';
import type { EventCase } from './event-case.ts';

const otherEvents = (): EventCase[] => {
  const rotated = JSON.stringify(recordOf({}));
  const foreign = (name: string, sealed: object): EventCase => ({
    name,
    consumer: 'billing',
    text: JSON.stringify(eventOf({}, sealed)),
    verdict: 'foreign',
  });
  const other = (name: string, verdict: EventCase['verdict'], event: object): EventCase => ({
    name,
    consumer: 'billing',
    text: JSON.stringify(event),
    verdict,
  });
  const changed = (consumer: string) => ({
    specversion: '1.0',
    id: `${consumer}-2026-11-23T22:50:16.000Z`,
    source: `/consumers/${consumer}`,
    type: CHANGED,
    subject: consumer,
    time: '2026-11-23T22:50:16.000Z',
    datacontenttype: 'application/json',
    data: { seq: 1, run: 1_795_474_180_512_204, state: 'ACTIVE' },
  });
  return [
    foreign('sealed for others only', seal(rotated, { label: 'foreign', to: ['other'] })),
    foreign('sealed for nobody', { ...seal(rotated, { label: 'nobody' }), recipients: [] }),
    other('a type that you do not know', 'skip', { ...eventOf({}, {}), type: 'rekey.something.new.v1' }),
    other('a type that you do not know, without data', 'skip', { type: 'rekey.something.new.v1' }),
    other('no type', 'skip', { subject: 'ast_1' }),
    other('your entry was changed', 'changed', changed('billing')),
    other("another consumer's entry was changed", 'changed', changed('crm')),
  ];
};

/** All cases, in the order of their verdicts. */
const eventCases = (): EventCase[] => [
  ...openedEvents(),
  ...otherEvents(),
  ...refusedByForm(),
  ...refusedBySealing(),
  ...refusedByContent(),
];

export const eventsFile = (): object => ({
  about: 'Events, and what a consumer makes of each. `consumer` names its grant in grants.json.',
  now_us: NOW_US,
  key_type: ROTATED,
  cases: eventCases(),
});
