import type { DatabaseCalls } from '@tenantry/databases/database-calls.ts';
import { defineEngine, type Engine } from '@tenantry/databases/engine.ts';
import { askJetStream } from './ask-jetstream.ts';
import type { Nats } from './nats.ts';

/** NATS among the engines: it stores events and pushed state. Its `close` loses nothing that was acknowledged. */
export const natsEngine = (nats: Nats, calls: DatabaseCalls): Engine =>
  defineEngine(calls, 'nats', { check: () => askJetStream(nats), close: nats.close });
