import { event } from '@tenantry/contract/event.ts';
import { newUuid, type TenantId } from '@tenantry/kernel/id.ts';
import { Type } from 'typebox';
import type { NotesTables } from '../../databases/test/open-test-databases.ts';
import { type ConsumersOptions, startConsumers } from '../consumer.ts';
import { on, type Subscription } from '../subscription.ts';
import { makeEnvelope, type TestEvents } from './open-test-events.ts';

export type Handle = Subscription<NotesTables>['handle'];

let count = 0;

/**
 * A source aggregate of the test's own, and a service that writes one note per event, in the order of its handling.
 * `before` runs inside the same unit of work and may throw.
 */
export function takeNotes(world: TestEvents, before: Handle = async () => undefined) {
  const aggregate = `note${++count}`;
  const written = event(`users.${aggregate}.written.v1`, Type.Object({ n: Type.Integer() }));
  const errors: { readonly error: unknown; readonly eventId: string | undefined }[] = [];
  const handled: string[] = [];
  let handle = before;
  const subscription = on<typeof written, NotesTables>(written, async (uow, envelope) => {
    await uow.sql
      .insertInto('notes')
      .values({ tenant_id: uow.tenantUuid, id: newUuid(), text: label(envelope.subject, envelope.aggregateversion) })
      .execute();
    await handle(uow, envelope);
    handled.push(label(envelope.subject, envelope.aggregateversion));
  });
  const label = (subject: string, version: number): string => `${aggregate} ${subject} ${version}`;
  return {
    definition: written,
    type: written.type,
    durable: `users--users-${aggregate}`,
    subscription,
    errors,
    /** Labels in the order in which handlers ended, also those whose transaction was then undone. */
    handled,
    label,
    handleWith(next: Handle): void {
      handle = next;
    },
    start: (changes: Partial<ConsumersOptions<NotesTables>> = {}) =>
      startConsumers<NotesTables>({
        service: 'users',
        nats: world.nats,
        withTenant: world.databases.withTenant,
        subscriptions: [subscription],
        onError: (error, envelope) => errors.push({ error, eventId: envelope?.id }),
        redeliveryDelaysMs: [30, 60, 90],
        ...changes,
      }),
    envelope: (tenantId: TenantId, subject: string, version: number) =>
      makeEnvelope(written.type, tenantId, subject, version),
    /** What was saved, oldest first. */
    async notes(subject = ''): Promise<string[]> {
      const rows = await world.sql<{ text: string }>('select text from users.notes where text like $1 order by id', [
        `${aggregate} ${subject}%`,
      ]);
      return rows.map(({ text }) => text);
    },
    async deadLetters() {
      return world.sql<{ id: string; cause: string; attempts: number; redriven_at: Date | null }>(
        'select id, cause, attempts, redriven_at from users.dead_letters where consumer = $1',
        [`users--users-${aggregate}`],
      );
    },
  };
}
