import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { createQueueConnection } from '@tenantry/databases/redis.ts';
import { connectNats } from '@tenantry/events/nats.ts';
import type { Canary } from './find-canaries.ts';
import { type Stores, withPostgres } from './read-stores.ts';
import { newWord } from './walk-with-canaries.ts';

/** Puts a canary into each sort of place, each in another encoding: who looks everywhere must find them all. */
export async function plantLeaks(stores: Stores, dataDir: string): Promise<readonly Canary[]> {
  const canaries: Canary[] = [];
  const plant = (where: string): string => {
    const value = newWord();
    canaries.push({ kind: `planted in ${where}`, of: 'nobody', value });
    return value;
  };
  await withPostgres(stores, async (client) => {
    await client.query('create table public.planted (note bytea)');
    await client.query('insert into public.planted values ($1)', [Buffer.from(plant('PostgreSQL'))]);
  });

  const redis = createQueueConnection({ url: stores.redisUrl, isWorker: true, onError: () => undefined });
  await redis.hset('planted', { note: Buffer.from(`ab${plant('Redis')}`).toString('base64') });
  redis.disconnect();

  const nats = await connectNats({ url: stores.natsUrl, token: stores.natsToken, name: 'canaries', namespace: '' });
  await nats.manager.streams.add({ name: 'planted', subjects: ['planted'] });
  await nats.jetstream.publish('planted', Buffer.from(`a?>${plant('NATS')}`).toString('base64url'));
  await nats.close();

  const statement = async (body: string): Promise<void> => {
    const answer = await fetch(stores.clickhouseUrl, { method: 'POST', body });
    if (!answer.ok) throw new Error(await answer.text());
  };
  await statement('create table default.planted (note String) engine = MergeTree order by note');
  await statement(`insert into default.planted values ('${plant('ClickHouse').toUpperCase()}')`);

  appendFileSync(join(dataDir, 'logs', 'users.log'), `${JSON.stringify({ body: [...Buffer.from(plant('file'))] })}\n`);
  return canaries;
}
