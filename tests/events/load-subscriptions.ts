import { readdir } from 'node:fs/promises';
import type { EventDefinition } from '@tenantry/contract/event.ts';
import type { Subscription } from '@tenantry/events/subscription.ts';
import { hearingsOf } from '@tenantry/events/upcasting.ts';

const SERVICES = new URL('../../services/', import.meta.url);

/** Stands for whatever a consumer would work with: it is only asked what it hears. */
const anything = new Proxy({}, { get: () => () => undefined });

const isDefinition = (value: unknown): value is EventDefinition =>
  typeof value === 'object' && value !== null && 'upcast' in value && 'type' in value;

const isSubscription = (value: unknown): value is Subscription =>
  typeof value === 'object' && value !== null && 'event' in value && 'handle' in value;

/** Which services hear which types of events, older versions included; found in their `consumers/` by looking. */
export async function loadHearers(): Promise<ReadonlyMap<string, readonly string[]>> {
  const hearers = new Map<string, string[]>();
  const services = (await readdir(SERVICES, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  for (const { name: service } of services) {
    for (const type of hearingsOf(await subscriptionsOf(service)).keys())
      hearers.set(type, [...(hearers.get(type) ?? []), service]);
  }
  return hearers;
}

async function subscriptionsOf(service: string): Promise<Subscription[]> {
  const folder = new URL(`${service}/consumers/`, SERVICES);
  const files = (await readdir(folder).catch((): string[] => [])).filter(
    (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'),
  );
  const found: unknown[] = [];
  for (const file of files) {
    const exported = (await import(new URL(file, folder).href)) as Readonly<Record<string, unknown>>;
    // What starts something by itself has no list of subscriptions to give; `HEARD` beside it says what it hears.
    for (const [name, value] of Object.entries(exported))
      if (!name.startsWith('start')) found.push(typeof value === 'function' ? value(anything) : value);
  }
  const isHeard = found.flat().filter(isDefinition);
  return [
    ...found.flat().filter(isSubscription),
    ...isHeard.map((event) => ({ event, handle: () => Promise.reject(new Error('Only asked what it hears.')) })),
  ];
}
