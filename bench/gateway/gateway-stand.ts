import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KEYS_BUCKET, type PublishedKey } from '@tenantry/auth/buckets.ts';
import { generateSigningKey, toPublicJwk } from '@tenantry/auth/jws.ts';
import { TENANTS_BUCKET, type TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { deriveNatsToken, deriveRedisPassword } from '@tenantry/databases/credentials.ts';
import { freePort } from '@tenantry/deploy/embedded/free-port.ts';
import { startNats } from '@tenantry/deploy/embedded/nats.ts';
import { startRedis } from '@tenantry/deploy/embedded/redis.ts';
import { startProgram } from '@tenantry/deploy/launcher/start-program.ts';
import { connectNats } from '@tenantry/events/nats.ts';
import { openStateWriter } from '@tenantry/events/pushed-state.ts';
import { newId, newUuid, type TenantId } from '@tenantry/kernel/id.ts';
import { CloseStack } from '@tenantry/kit/lifecycle/close-stack.ts';
import { type InstanceAnnouncement, registerWithHub } from '@tenantry/kit/lifecycle/registration.ts';
import { createLogger } from '@tenantry/kit/logger.ts';
import type { MeshedServiceOrder } from '../link/orders.ts';
import { LOAD_CORE, PROXY_CORE, pin } from '../load/cores.ts';
import { type TokenCounts, type TokenSets, writeTokens } from './tokens.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MESHED_SERVICE = fileURLToPath(new URL('../link/meshed-service.ts', import.meta.url));
const ISSUER = 'http://gateway.bench';
const TENANTS = 100;
/** Of the instances registered here: two hex digits of the master key, 32 times. */
const MASTER_KEY = 'be'.repeat(32);
const READY_MS = 20_000;

export type RunningGateway = { readonly url: string; readonly pid: number; readonly stop: () => Promise<void> };

/**
 * What the gateway needs to do its whole work and nothing more: the real hub, NATS and Redis, tenants, keys and tokens.
 * Services are whoever is registered.
 */
export type GatewayStand = {
  readonly folder: string;
  readonly issuer: string;
  readonly redisUrl: string;
  readonly natsUrl: string;
  readonly tokens: TokenSets;
  readonly register: (service: string, url: string, paths: readonly string[]) => Promise<void>;
  /** A small service of the house, in a process of its own. */
  readonly startService: (
    order: Pick<MeshedServiceOrder, 'name' | 'path' | 'speaksLinks'>,
  ) => Promise<{ readonly url: string; readonly pid: number }>;
  /** A fresh process, started as `npm start` does; resolves when `path` is answered. */
  readonly startGateway: (path: string, environment?: Readonly<Record<string, string>>) => Promise<RunningGateway>;
  readonly close: () => Promise<void>;
};

export async function openGatewayStand(counts: TokenCounts): Promise<GatewayStand> {
  const closing = new CloseStack();
  try {
    return await open(counts, closing);
  } catch (error) {
    await closing.close();
    throw error;
  }
}

async function open(counts: TokenCounts, closing: CloseStack): Promise<GatewayStand> {
  const folder = mkdtempSync(join(tmpdir(), 'tenantry-bench-'));
  closing.push(async () => rmSync(folder, { recursive: true, force: true }));
  const at = (name: string) => ({
    dataDir: join(folder, name),
    logFile: join(folder, `${name}.log`),
    serversDir: process.env['TENANTRY_SERVERS_DIR'] ?? join(ROOT, '.tenantry/servers'),
    say: console.log,
  });
  const redis = await startRedis({ ...at('redis'), password: deriveRedisPassword(MASTER_KEY) });
  closing.push(() => redis.stop());
  const natsServer = await startNats({ ...at('nats'), token: deriveNatsToken(MASTER_KEY) });
  closing.push(() => natsServer.stop());
  await pin(process.pid, LOAD_CORE);
  for (const { pid } of [redis, natsServer]) await pin(pid, LOAD_CORE);
  const stores = { REDIS_URL: redis.url, NATS_URL: natsServer.url };

  let started = 0;
  const start = async (
    name: string,
    environment: Readonly<Record<string, string>>,
    core: number,
    file = join(ROOT, 'services', name, 'start.ts'),
    port?: number,
  ) => {
    port ??= await freePort();
    const dataDir = join(folder, `${name}-${started++}`);
    mkdirSync(dataDir);
    const url = `http://127.0.0.1:${port}`;
    const child = await startProgram({
      program: {
        name,
        file,
        port,
        url,
        alsoListens: [],
        environment: {
          ...stores,
          PORT: String(port),
          PUBLIC_URL: ISSUER,
          TENANTRY_MASTER_KEY: MASTER_KEY,
          TENANTRY_DATA_DIR: dataDir,
          TENANTRY_ENVIRONMENT: 'development',
          ...environment,
        },
      },
      logFile: join(dataDir, 'log'),
      onSpawn: () => undefined,
    });
    await pin(child.pid, core);
    const stop = async (): Promise<void> => {
      await child.stop();
      rmSync(dataDir, { recursive: true, force: true });
    };
    return { url, pid: child.pid, stop };
  };
  const hub = await start('hub', {}, LOAD_CORE);
  closing.push(hub.stop);
  const { key, tenantIds } = await publishTenants(natsServer.url);
  const tokens = writeTokens(folder, { key, issuer: ISSUER, tenantIds, counts });

  return {
    folder,
    issuer: ISSUER,
    redisUrl: redis.url,
    natsUrl: natsServer.url,
    tokens,
    async register(service, url, paths) {
      const instanceKey = generateSigningKey(`${service}-${newUuid()}`);
      const registration = registerWithHub({
        hubUrl: hub.url,
        masterKey: MASTER_KEY,
        announcement: {
          instanceId: instanceKey.kid,
          service,
          url,
          publicKey: toPublicJwk(instanceKey.publicKey),
          endpoints: paths.map((path, index) => readEndpoint(`${service}.read-${index}`, path)),
        },
        logger: createLogger({ service: 'bench', instanceId: instanceKey.kid, level: 'silent' }),
      });
      closing.push(registration.leave);
      await registration.accepted;
    },
    async startService(order) {
      const port = await freePort();
      const told = { ...order, port, hubUrl: hub.url, natsUrl: natsServer.url, masterKey: MASTER_KEY };
      const environment = { BENCH_SERVICE: JSON.stringify(told satisfies MeshedServiceOrder) };
      const service = await start(order.name, environment, LOAD_CORE, MESHED_SERVICE, port);
      closing.push(service.stop);
      return service;
    },
    async startGateway(path, environment = {}) {
      const gateway = await start(
        'gateway',
        {
          HUB_URL: hub.url,
          // The upstreams of these rows are no processes of the house.
          MESH_TLS: 'off',
          REQUIRED_SERVICES: '',
          RATE_LIMIT_TENANT_PER_SECOND: '1000000',
          RATE_LIMIT_ADDRESS_PER_SECOND: '1000000',
          ...environment,
        },
        PROXY_CORE,
      );
      await untilAnswered(`${gateway.url}${path}`, tokens.first);
      return gateway;
    },
    close: () => closing.close(),
  };
}

/** Writes what the users service would push. */
async function publishTenants(natsUrl: string) {
  const nats = await connectNats({ url: natsUrl, name: 'bench', namespace: '', token: deriveNatsToken(MASTER_KEY) });
  const key = generateSigningKey('bench-key');
  const keys = await openStateWriter<PublishedKey>(nats, KEYS_BUCKET);
  await keys.put(key.kid, { kid: key.kid, ...toPublicJwk(key.publicKey) });
  const tenants = await openStateWriter<TenantRecord>(nats, TENANTS_BUCKET);
  const tenantIds: TenantId[] = [];
  for (let index = 0; index < TENANTS; index++) {
    const id = newId('ten');
    tenantIds.push(id);
    await tenants.put(id, {
      id,
      slug: `bench-${index}`,
      name: `Bench ${index}`,
      status: 'active',
      country: 'ID',
      currency: 'IDR',
      timeZone: 'Asia/Jakarta',
      mode: 'live',
      tax: { registered: false, npwp: null },
      version: 1,
    });
  }
  await nats.close();
  return { key, tenantIds };
}

const readEndpoint = (name: string, path: string): InstanceAnnouncement['endpoints'][number] => ({
  name,
  method: 'GET',
  path,
  access: 'principal',
  permission: 'thing:read',
  reach: 'own',
  idempotency: false,
  rateLimit: null,
  maxBodyBytes: 0,
  openapi: { path, method: 'get', operation: { operationId: name, responses: { 200: { description: 'Success' } } } },
});

async function untilAnswered(url: string, token: string): Promise<void> {
  const deadlineMs = performance.now() + READY_MS;
  for (;;) {
    const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
    const said = await answer.text();
    if (answer.status === 200) return;
    if (performance.now() > deadlineMs) throw new Error(`${url} answered ${answer.status}: ${said}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
