import { setTimeout as sleep } from 'node:timers/promises';
import {
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  StoreCompression,
} from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import { featuresOf, type NatsFeatures } from './nats-features.ts';
import { streamName, streamSubjects } from './subjects.ts';

export type Nats = {
  /** This and the next two throw `upstream-unavailable` as long as there has not been a connection. */
  readonly connection: NatsConnection;
  readonly jetstream: JetStreamClient;
  readonly manager: JetStreamManager;
  readonly namespace: string;
  /** Of the server that one is connected to, or was last: another one may be met at any reconnection. */
  readonly features: NatsFeatures;
  /** Resolves with the first connection. */
  readonly connected: Promise<void>;
  /** Whether there is a connection right now, as far as is known here. */
  readonly isConnected: () => boolean;
  readonly close: () => Promise<void>;
};

export type NatsOptions = {
  readonly url: string;
  readonly name: string;
  readonly namespace: string;
  readonly token?: string;
  /** How long the first connection is waited for before the start goes on without one; left out: for ever. */
  readonly patienceMs?: number;
  /** Why there is no first connection yet, once per kind. */
  readonly onError?: (error: unknown) => void;
  /** Told with the first connection, and when a server of another version is met. */
  readonly onServer?: (features: NatsFeatures) => void;
};

const NANOS_PER_SECOND = 1_000_000_000;
const EVENT_MAX_AGE_SECONDS = 30 * 86_400;
// Wide enough for a relay that died between publishing and deleting; what is older is caught by the inbox.
const DUPLICATE_WINDOW_SECONDS = 600;

const RECONNECT_MS = 250;
const RECONNECT_JITTER_MS = 100;
const TIMEOUT_MS = 5_000;

/**
 * Connects and stays connected: a server that goes away is waited for, as long as it takes. A server that asks for nothing
 * ignores the token; credentials in the URL come before it. A server that refuses them ends the start, unless that has gone
 * on without it.
 */
export async function connectNats(options: NatsOptions): Promise<Nats> {
  const { namespace, patienceMs } = options;
  const closing = new AbortController();
  let link: Pick<Nats, 'connection' | 'jetstream' | 'manager'> | null = null;
  let isUp = false;
  let isPatient = true;
  let features = featuresOf('');
  const meet = (connection: NatsConnection): void => {
    const version = connection.info?.version ?? '';
    if (version === features.version) return;
    features = featuresOf(version);
    options.onServer?.(features);
  };
  const connecting = (async () => {
    const connection = await keepTrying(options, closing.signal, () => isPatient);
    const manager = await jetstreamManager(connection, { timeout: TIMEOUT_MS, checkAPI: patienceMs === undefined });
    meet(connection);
    link = { connection, jetstream: jetstream(connection, { timeout: TIMEOUT_MS }), manager };
    isUp = true;
    void (async () => {
      for await (const { type } of connection.status()) {
        if (type === 'disconnect') isUp = false;
        if (type !== 'reconnect') continue;
        isUp = true;
        meet(connection);
      }
      isUp = false;
    })();
  })();
  const giveUp = patienceMs === undefined ? [] : [sleep(patienceMs, undefined, { signal: closing.signal, ref: false })];
  await Promise.race([connecting, ...giveUp]);
  isPatient = false;
  const reached = () => {
    if (link !== null) return link;
    throw upstreamUnavailable('NATS has not been reached yet. Try again shortly.', { retryAfterSeconds: 1 });
  };
  return {
    get connection() {
      return reached().connection;
    },
    get jetstream() {
      return reached().jetstream;
    },
    get manager() {
      return reached().manager;
    },
    namespace,
    get features() {
      return features;
    },
    connected: connecting,
    isConnected: () => isUp,
    async close() {
      closing.abort();
      await link?.connection.close();
    },
  };
}

/** Resolves with the first connection; never, when it is closed before that. */
async function keepTrying(
  { url, name, token, onError }: NatsOptions,
  closing: AbortSignal,
  isAwaited: () => boolean,
): Promise<NatsConnection> {
  let complaint = '';
  for (;;) {
    const attempt = connect({
      ...whereAndWho(url, token),
      name,
      maxReconnectAttempts: -1,
      reconnectTimeWait: RECONNECT_MS,
      reconnectJitter: RECONNECT_JITTER_MS,
      timeout: 3_000,
      pingInterval: 5_000,
      maxPingOut: 2,
    });
    try {
      const connection = await attempt;
      if (!closing.aborted) return connection;
      await connection.close();
    } catch (error) {
      if (isAwaited() && isRefusal(error)) throw error;
      if (String(error) !== complaint) onError?.(error);
      complaint = String(error);
    }
    await sleep(RECONNECT_MS + Math.random() * RECONNECT_JITTER_MS, undefined, { signal: closing }).catch(
      () => undefined,
    );
    if (closing.aborted) return new Promise(() => undefined);
  }
}

/** The server is there and does not let us in: no waiting changes that. */
const isRefusal = (error: unknown): boolean =>
  error instanceof Error &&
  (error.name === 'AuthorizationError' || /authori[sz]ation|authentication/i.test(error.message));

type Credentials = { readonly user: string; readonly pass: string } | { readonly token: string };

/** As NATS URLs have it: `user:password@host`, or `token@host`. The client itself does not look for them there. */
function whereAndWho(url: string, token: string | undefined): { readonly servers: string } & Partial<Credentials> {
  const parsed = URL.parse(url);
  if (parsed === null || parsed.username + parsed.password === '')
    return { servers: url, ...(token === undefined ? {} : { token }) };
  const user = decodeURIComponent(parsed.username);
  const pass = decodeURIComponent(parsed.password);
  parsed.username = '';
  parsed.password = '';
  return { servers: parsed.href, ...(pass === '' ? { token: user } : { user, pass }) };
}

/** The stream of one domain's events, as it has to be. Limits retention: consumers never take events from each other. */
export async function ensureStream(nats: Nats, service: string): Promise<void> {
  const name = streamName(nats.namespace, service);
  const settings = {
    subjects: [streamSubjects(nats.namespace, service)],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    max_age: EVENT_MAX_AGE_SECONDS * NANOS_PER_SECOND,
    duplicate_window: DUPLICATE_WINDOW_SECONDS * NANOS_PER_SECOND,
    ...(nats.features.compression ? { compression: StoreCompression.S2 } : {}),
  };
  const exists = await nats.manager.streams.info(name).then(
    () => true,
    (error: unknown) => {
      if (error instanceof Error && /stream not found/.test(error.message)) return false;
      throw error;
    },
  );
  if (exists) await nats.manager.streams.update(name, settings);
  else await nats.manager.streams.add({ name, ...settings });
}
