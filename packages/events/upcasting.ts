import type { EventDefinition, EventEnvelope } from '@tenantry/contract/event.ts';
import type { Subscription } from './subscription.ts';

/** How one type of event is handled: by whom, and as which version. */
export type Hearing<Tables = unknown> = {
  readonly subscription: Subscription<Tables>;
  /** The envelope as the subscription's own version of the event. */
  readonly read: (event: EventEnvelope) => EventEnvelope;
};

/**
 * Which types a list of subscriptions hears: those that it names, and every older version that those can be read from,
 * step by step. A version that is named itself is handled as it is.
 */
export function hearingsOf<Tables>(
  subscriptions: readonly Subscription<Tables>[],
): ReadonlyMap<string, Hearing<Tables>> {
  const hearings = new Map<string, Hearing<Tables>>();
  for (const subscription of subscriptions)
    hearings.set(subscription.event.type, { subscription, read: (event) => event });
  for (const subscription of subscriptions)
    for (const [type, read] of olderVersions(subscription.event))
      if (!hearings.has(type)) hearings.set(type, { subscription, read });
  return hearings;
}

function* olderVersions(definition: EventDefinition): Generator<[type: string, read: Hearing['read']]> {
  let read: Hearing['read'] = (event) => event;
  for (let newer = definition; newer.upcast !== null; newer = newer.upcast.from) {
    const { type, upcast } = newer;
    const readNewer = read;
    read = (event) => readNewer({ ...event, type, data: upcast.convert(event.data) });
    yield [upcast.from.type, read];
  }
}
