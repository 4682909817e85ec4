import type { EventEnvelope } from '@tenantry/contract/event.ts';
import { newId, newUuid, type TenantId } from '@tenantry/kernel/id.ts';
import { openTestDatabases } from '../../databases/test/open-test-databases.ts';
import { connectNats, ensureStream, type Nats } from '../nats.ts';
import { eventSubject, streamName } from '../subjects.ts';
import { natsUrl } from './nats-under-test.ts';

/** The databases of `users` and a connection to NATS, in a namespace of the test file's own. */
export async function openTestEvents(url = natsUrl()) {
  const world = await openTestDatabases();
  const { namespace } = world;
  const nats = await connectNats({ url, name: `events-${namespace}`, namespace });
  await ensureStream(nats, 'users');
  return {
    ...world,
    nats,
    /** Everything in the stream of `users`, oldest first. */
    published: () => readStream(nats),
    /** An envelope straight onto the stream, as often as it is called. */
    async publish(envelope: EventEnvelope): Promise<void> {
      await nats.jetstream.publish(eventSubject(namespace, envelope), JSON.stringify(envelope));
    },
    async close(): Promise<void> {
      await nats.close();
      await world.close();
    },
  };
}

export type TestEvents = Awaited<ReturnType<typeof openTestEvents>>;

type Published = { readonly subject: string; readonly messageId: string; readonly envelope: EventEnvelope };

async function readStream(nats: Nats): Promise<Published[]> {
  const name = streamName(nats.namespace, 'users');
  const { state } = await nats.manager.streams.info(name);
  const found: Published[] = [];
  for (let seq = Math.max(state.first_seq, 1); seq <= state.last_seq; seq++) {
    const message = await nats.manager.streams.getMessage(name, { seq });
    if (message === null) continue;
    found.push({
      subject: message.subject,
      messageId: message.header.get('Nats-Msg-Id'),
      envelope: message.json<EventEnvelope>(),
    });
  }
  return found;
}

export const makeEnvelope = (
  type: string,
  tenantId: TenantId,
  subject: string,
  aggregateversion: number,
  data: unknown = { n: aggregateversion },
): EventEnvelope => ({
  specversion: '1.0',
  id: newId('evt'),
  source: '/tenantry/users',
  type,
  subject,
  time: '2026-11-21T09:30:00.000Z',
  datacontenttype: 'application/json',
  tenantid: tenantId,
  aggregateversion,
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  data,
});

export const newSubject = (): string => `nte_${newUuid()}`;
