import {
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { streamName, streamSubjects } from './subjects.ts';

export type Nats = {
  readonly connection: NatsConnection;
  readonly jetstream: JetStreamClient;
  readonly manager: JetStreamManager;
  readonly namespace: string;
  readonly close: () => Promise<void>;
};

const NANOS_PER_SECOND = 1_000_000_000;
const EVENT_MAX_AGE_SECONDS = 30 * 86_400;
// Wide enough for a relay that died between publishing and deleting; what is older is caught by the inbox.
const DUPLICATE_WINDOW_SECONDS = 600;

/**
 * Connects and stays connected: a server that goes away is waited for, as long as it takes. A server that asks for nothing
 * ignores the token; credentials in the URL come before it.
 */
export async function connectNats(options: {
  url: string;
  name: string;
  namespace: string;
  token?: string;
}): Promise<Nats> {
  const connection = await connect({
    ...whereAndWho(options.url, options.token),
    name: options.name,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    reconnectJitter: 100,
    waitOnFirstConnect: true,
    timeout: 3_000,
    pingInterval: 5_000,
    maxPingOut: 2,
  });
  return {
    connection,
    jetstream: jetstream(connection, { timeout: 5_000 }),
    manager: await jetstreamManager(connection, { timeout: 5_000 }),
    namespace: options.namespace,
    close: async () => {
      await connection.close();
    },
  };
}

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
