import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import type { Nats } from './nats.ts';

const ANSWER_MS = 900;

/**
 * A sign of life of what keeps events and pushed state: a server whose JetStream has met a full disk still answers pings.
 * Rejects when there is no answer, or JetStream is off.
 */
export async function askJetStream(nats: Nats): Promise<void> {
  const answer = await nats.connection.request('$JS.API.INFO', '', { timeout: ANSWER_MS });
  const { error } = answer.json<{ error?: { description?: string } }>();
  if (error !== undefined)
    throw upstreamUnavailable('JetStream is not available right now.', { cause: error, retryAfterSeconds: 1 });
}
