import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateSigningKey, toPublicJwk } from '@tenantry/auth/jws.ts';
import { deriveClusterToken } from '@tenantry/databases/credentials.ts';
import { newUuid } from '@tenantry/kernel/id.ts';
import type { Heartbeat } from '@tenantry/kit/lifecycle/heartbeat.ts';
import type { InstanceRecord } from '@tenantry/mesh/registry.ts';
import { inject } from 'vitest';
import { type HubOverrides, openHub, type RunningHub } from '../app.ts';
import { readHubConfiguration } from '../config.ts';
import type { Announcement } from '../domain/registration.ts';

export const MASTER_KEY = 'cd'.repeat(32);
const CLUSTER_TOKEN = deriveClusterToken(MASTER_KEY);

export const newNamespace = (): string => `hub${newUuid().slice(-12)}`;

/** A hub of a namespace; several of one namespace are one hub to everybody else. */
export async function openTestHub(
  namespace: string,
  overrides: HubOverrides = {},
  natsUrl = inject('natsUrl'),
  environment: Readonly<Record<string, string>> = {},
): Promise<RunningHub> {
  const keptDir = environment['TENANTRY_DATA_DIR'];
  const dataDir = keptDir ?? mkdtempSync(join(tmpdir(), 'tenantry-hub-'));
  const hub = await openHub(
    readHubConfiguration({
      PORT: '0',
      NATS_URL: natsUrl,
      TENANTRY_MASTER_KEY: MASTER_KEY,
      TENANTRY_DATA_DIR: dataDir,
      TENANTRY_NAMESPACE: namespace,
      MESH_TLS: 'off',
      ...environment,
      LOG_LEVEL: process.env['HUB_LOG'] ?? 'silent',
    }),
    overrides,
  );
  return {
    ...hub,
    close: async () => {
      await hub.close();
      if (keptDir === undefined) rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

type Asking = { readonly token?: string; readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> };
export type HubAnswer = { readonly status: number; readonly headers: Headers; readonly body: unknown };

export async function ask(url: string, method: string, path: string, asking: Asking = {}): Promise<HubAnswer> {
  const { token = CLUSTER_TOKEN, body, headers } = asking;
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: {
      ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, body: text === '' ? undefined : JSON.parse(text) };
}

let addresses = 0;
/** An address that nobody else has; nobody listens there either. */
export const newUrl = (): string => `http://127.0.0.1:${20_000 + (addresses++ % 20_000)}`;

export function announcement(service: string, some: Partial<Announcement> & { paths?: string[] } = {}): Announcement {
  const { paths = [], ...given } = some;
  const instanceId = given.instanceId ?? `${service}-${newUuid()}`;
  return {
    instanceId,
    service,
    url: newUrl(),
    publicKey: toPublicJwk(generateSigningKey(instanceId).publicKey),
    endpoints: paths.map((path) => ({
      name: `${service}.read-${path.replaceAll('/', '-').replaceAll(':', '')}`,
      method: 'GET',
      path,
      access: 'public',
      permission: null,
      reach: null,
      idempotency: false,
      rateLimit: null,
      maxBodyBytes: 1_024,
      openapi: { path, method: 'get', operation: {} },
    })),
    ...given,
  };
}

/** Throws what the hub answered, unless it accepted. */
export async function register(hub: { url: string }, announced: Announcement): Promise<InstanceRecord> {
  const answer = await ask(hub.url, 'POST', '/v1/registry/instances', { body: announced });
  if (answer.status !== 201) throw new Error(`registration answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  return answer.body as InstanceRecord;
}

let sequence = 0;
export const beat = async (
  hub: { url: string },
  record: Pick<InstanceRecord, 'instanceId' | 'generation'>,
  some: Partial<Heartbeat> = {},
): Promise<number> =>
  (
    await ask(hub.url, 'PUT', `/v1/registry/instances/${record.instanceId}/heartbeat`, {
      body: { generation: record.generation, sequence: ++sequence, status: 'up', ...some },
    })
  ).status;

export const leave = (hub: { url: string }, instanceId: string): Promise<HubAnswer> =>
  ask(hub.url, 'DELETE', `/v1/registry/instances/${instanceId}`);

/** All instances but the hubs themselves. */
export async function listed(hub: { url: string }): Promise<InstanceRecord[]> {
  const { body } = await ask(hub.url, 'GET', '/v1/registry/instances');
  return (body as { data: InstanceRecord[] }).data.filter(({ service }) => service !== 'hub');
}
