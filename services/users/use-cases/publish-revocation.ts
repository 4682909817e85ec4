import { REVOCATIONS_BUCKET, type Revocation } from '@tenantry/auth/buckets.ts';
import { openStateWriter } from '@tenantry/events/pushed-state.ts';
import { idFromUuid } from '@tenantry/kernel/id.ts';
import { formatInstant } from '@tenantry/kernel/instant.ts';
import type { UsersDeps } from '../deps.ts';

/** Tells every gateway that a session is over. A due row, so that it is told even when NATS is away at that moment. */
export async function createRevocationPublisher({
  nats,
  clock,
}: Pick<UsersDeps, 'nats' | 'clock'>): Promise<(sessionUuid: string) => Promise<void>> {
  const bucket = await openStateWriter<Revocation>(nats, REVOCATIONS_BUCKET);
  return async (uuid) => {
    await bucket.put(idFromUuid('ses', uuid), { revokedAt: formatInstant(clock.now()) });
  };
}
