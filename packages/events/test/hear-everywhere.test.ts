import { event } from '@tenantry/contract/event.ts';
import { newId, newUuid } from '@tenantry/kernel/id.ts';
import { Type } from 'typebox';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { hearEverywhere } from '../hear-everywhere.ts';
import { connectNats, ensureStream, type Nats } from '../nats.ts';
import { eventSubject, streamName } from '../subjects.ts';
import { natsUrl } from './nats-under-test.ts';
import { makeEnvelope, newSubject } from './open-test-events.ts';

const heard = event('users.note.heard.v1', Type.Object({ n: Type.Integer() }));

let nats: Nats;
beforeAll(async () => {
  nats = await connectNats({ url: natsUrl(), name: 'hear', namespace: `hear${newUuid().slice(-12)}` });
  await ensureStream(nats, 'users');
});
afterAll(() => nats.close());

it('Every process hears its type, and is sent nothing else', async () => {
  const ids: string[][] = [[], []];
  let gaps = 0;
  const hearers = ids.map((found) =>
    hearEverywhere({
      nats,
      event: heard,
      onEvent: ({ id }) => found.push(id),
      onGap: () => gaps++,
      onError: () => undefined,
    }),
  );
  try {
    await eventually(() => expect(gaps).toBe(2));
    const told = ['heard', 'unheard', 'heard', 'unheard'].map((fact) =>
      makeEnvelope(`users.note.${fact}.v1`, newId('ten'), newSubject(), 1),
    );
    for (const envelope of told)
      await nats.jetstream.publish(eventSubject(nats.namespace, envelope), JSON.stringify(envelope));
    const expected = told.filter(({ type }) => type === heard.type).map(({ id }) => id);
    await eventually(() => expect(ids).toEqual([expected, expected]));
    const delivered: number[] = [];
    for await (const { delivered: sent } of nats.manager.consumers.list(streamName(nats.namespace, 'users')))
      delivered.push(sent.consumer_seq);
    expect(delivered).toEqual([2, 2]);
  } finally {
    for (const hearer of hearers) await hearer.stop();
  }
});
