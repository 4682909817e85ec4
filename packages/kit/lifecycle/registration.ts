import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { deriveClusterToken } from '@tenantry/databases/credentials.ts';
import type { PinnedHub } from '@tenantry/mesh/identity/pinned-hub.ts';
import type { InstanceRecord } from '@tenantry/mesh/registry.ts';
import type { Logger } from '../logger.ts';
import type { Heartbeat, HeartbeatSources } from './heartbeat.ts';
import { HubRequests } from './hub-requests.ts';

export const HEARTBEAT_MS = 2_000;
const RETRY_MS = 500;

/** What an instance says of itself; generation and time of registration are the hub's. */
export type InstanceAnnouncement = Omit<InstanceRecord, 'generation' | 'registeredAt' | 'status'> & {
  /** The generation that this process had last: whoever took its address after that keeps it. */
  readonly lastGeneration?: number | null;
};

export type Registration = {
  /** Resolves with the first acceptance. */
  readonly accepted: Promise<void>;
  /** No new calls from now on; the record, and the key in it, stay until `leave`. */
  readonly drain: () => Promise<void>;
  /** Once, however often it is called. */
  readonly leave: () => Promise<void>;
};

/**
 * Keeps this instance in the registry: registers, beats, and registers again with its full record whenever the hub does
 * not know it (any more), so that a hub that lost everything heals in one beat. Of several hubs, any will do.
 */
export function registerWithHub(options: {
  /** One, or several with commas between. */
  readonly hubUrl: string;
  /** The way to those that begin with https. */
  readonly pinned?: PinnedHub | null;
  readonly masterKey: string;
  readonly announcement: InstanceAnnouncement;
  readonly logger: Logger;
  readonly sources?: HeartbeatSources;
  /** Awaited before the first registration: who is in the registry must be able to answer. */
  readonly whenReady?: Promise<void> | undefined;
}): Registration {
  const { announcement, logger, sources = {} } = options;
  const hub = new HubRequests(
    options.hubUrl,
    deriveClusterToken(options.masterKey),
    '/v1/registry/instances',
    options.pinned,
  );
  const stopping = new AbortController();
  const { promise: accepted, resolve: accept } = Promise.withResolvers<void>();
  let generation: number | null = null;
  let isKnown = false;
  let attempt = 0;
  let sequence = 0;
  let status: Heartbeat['status'] = 'up';
  let complaint = '';

  const complain = (about: string, message: string, error?: unknown): void => {
    // Once per kind of outage: at this pace more would bury everything else.
    if (complaint !== about) logger.warn({ err: error }, message);
    complaint = about;
  };
  /** False when the hub wants the full record. */
  const sendBeat = async (): Promise<boolean> => {
    const beat: Heartbeat = {
      generation: generation ?? 0,
      sequence: ++sequence,
      status,
      ...(sources.load === undefined ? {} : { load: sources.load.take() }),
      ...(sources.traffic === undefined ? {} : { traffic: sources.traffic.take() }),
      ...(sources.dependencies === undefined ? {} : { dependencies: sources.dependencies() }),
    };
    const answer = await hub.request('PUT', `/${announcement.instanceId}/heartbeat`, beat);
    if (answer.ok) return true;
    // Not known, or known with a newer registration than ours: either way the full record puts it right.
    void answer.body?.cancel();
    if (answer.status === 404 || answer.status === 409) return false;
    throw new Error(`heartbeat answered ${answer.status}`);
  };
  const register = async (): Promise<void> => {
    isKnown = false;
    attempt++;
    const answer = await hub.request('POST', '', { ...announcement, attempt, lastGeneration: generation });
    if (!answer.ok) throw new Refused(answer.status, await answer.text());
    generation = readGeneration(await answer.text()) ?? generation;
    isKnown = true;
    logger.info({ url: announcement.url, generation }, 'registered with the hub');
    accept();
  };
  const beatOnce = async (): Promise<number> => {
    try {
      if (!isKnown || !(await sendBeat())) {
        await register();
        // The record says "up": a process that drains says so again at once.
        if (status === 'draining') await sendBeat();
      }
      complaint = '';
      return HEARTBEAT_MS;
    } catch (error) {
      if (error instanceof Refused && error.status === 409) {
        // Somebody newer stands where we stood. It keeps the place for as long as it lives; then we are let in again.
        complain('refused', 'the hub refuses this instance; asking again with every beat', error);
        return HEARTBEAT_MS;
      }
      complain('away', 'the hub cannot be reached; going on without it', error);
      hub.tryAnother();
      return RETRY_MS;
    }
  };

  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = turn.then(work);
    turn = result.catch(() => undefined);
    return result;
  };
  void (async () => {
    await Promise.race([options.whenReady, once(stopping.signal, 'abort')]);
    while (!stopping.signal.aborted) {
      const delayMs = await inTurn(async () => (stopping.signal.aborted ? 0 : beatOnce()));
      await sleep(delayMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  })();

  const leave = async (): Promise<void> => {
    stopping.abort();
    // A registration under way would otherwise arrive after our leave and stand until its lease ran out.
    await turn;
    await hub.requestAnywhere('DELETE', `/${announcement.instanceId}`).catch(() => undefined);
  };
  let left: Promise<void> | undefined;
  return {
    accepted,
    async drain() {
      if (status === 'draining' || stopping.signal.aborted) return;
      status = 'draining';
      await inTurn(async () => {
        if (isKnown && !stopping.signal.aborted) await sendBeat().catch(() => undefined);
      });
    },
    leave: () => (left ??= leave()),
  };
}

class Refused extends Error {
  readonly status: number;

  constructor(status: number, answer: string) {
    super(`registration answered ${status}: ${answer}`);
    this.status = status;
  }
}

function readGeneration(text: string): number | null {
  if (text === '') return null;
  const record = JSON.parse(text) as { generation?: unknown };
  return typeof record.generation === 'number' ? record.generation : null;
}
