import type { Nats } from '@tenantry/events/nats.ts';
import { openStateWriter, watchState } from '@tenantry/events/pushed-state.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';

/** Who is not in the registry any more, and why. Remembered for a day. */
export type Departure = {
  readonly instanceId: string;
  readonly service: string;
  readonly reason: 'left' | 'expired' | 'replaced';
  readonly at: string;
  readonly tenants: readonly TenantId[] | null;
};

export type Departures = {
  /** False until the bucket has told everything: who is missing may have left all the same. */
  readonly isWhole: () => boolean;
  readonly all: () => readonly Departure[];
  /** Whether this instance has said that it is gone for good; asks the bucket where memory does not know. */
  readonly hasLeft: (instanceId: string) => Promise<boolean>;
  readonly note: (departure: Departure) => Promise<void>;
  readonly close: () => Promise<void>;
};

const DEPARTURES_BUCKET = { bucket: 'departures', ttlMs: 86_400_000 };

export async function openDepartures(nats: Nats): Promise<Departures> {
  const writer = await openStateWriter<Departure>(nats, DEPARTURES_BUCKET);
  const state = await watchState<Departure>(nats, DEPARTURES_BUCKET);
  return {
    // Without a snapshot only the bucket makes it known.
    isWhole: state.isKnown,
    all: () => [...state.entries().values()],
    async hasLeft(instanceId) {
      return (state.get(instanceId) ?? (await state.refresh(instanceId)))?.reason === 'left';
    },
    note: (departure) => writer.put(departure.instanceId, departure),
    close: () => state.close(),
  };
}
