import { setTimeout as sleep } from 'node:timers/promises';
import type { Nats } from '@tenantry/events/nats.ts';
import { openStateWriter, watchState } from '@tenantry/events/pushed-state.ts';
import type { Heartbeat } from '@tenantry/kit/lifecycle/heartbeat.ts';
import { type InstanceRecord, registryKey } from '@tenantry/mesh/registry.ts';

/** The last heartbeat of an instance, whichever hub it was told. */
export type KnownBeat = Heartbeat & { readonly instanceId: string };

type Named = Pick<InstanceRecord, 'service' | 'instanceId'>;

export type BeatStore = {
  readonly share: (instance: Named, beat: Heartbeat) => Promise<void>;
  /** Asked of the bucket itself; throws when it cannot be asked. */
  readonly latest: (instance: Named) => Promise<KnownBeat | null>;
  readonly all: () => Iterable<KnownBeat>;
  readonly onBeat: (listener: (beat: KnownBeat) => void) => void;
  readonly close: () => Promise<void>;
};

const ANSWER_TIMEOUT_MS = 1_000;
/** Beats are worth remembering for as long as a hub may need to come back. */
const BEATS_BUCKET = { bucket: 'beats', ttlMs: 120_000 };

export async function openBeatStore(nats: Nats): Promise<BeatStore> {
  const writer = await openStateWriter<KnownBeat>(nats, BEATS_BUCKET);
  const state = await watchState<KnownBeat>(nats, BEATS_BUCKET);
  return {
    share: (instance, beat) => writer.put(registryKey(instance), { ...beat, instanceId: instance.instanceId }),
    async latest(instance) {
      // A round trip through the server: whoever is cut off must not answer from memory.
      await Promise.race([nats.connection.flush(), fail('NATS does not answer')]);
      return (await state.refresh(registryKey(instance))) ?? null;
    },
    all: () => state.entries().values(),
    onBeat: (listener) =>
      state.onChange((_, beat) => {
        if (beat !== undefined) listener(beat);
      }),
    close: () => state.close(),
  };
}

async function fail(message: string): Promise<never> {
  await sleep(ANSWER_TIMEOUT_MS, undefined, { ref: false });
  throw new Error(message);
}
