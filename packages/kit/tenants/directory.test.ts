import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TENANTS_BUCKET, type TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { connectNats, type Nats } from '@tenantry/events/nats.ts';
import { openStateWriter } from '@tenantry/events/pushed-state.ts';
import { newId } from '@tenantry/kernel/id.ts';
import { notFound, upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import type { Mesh } from '@tenantry/mesh/client.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { openTenantDirectory, type TenantDirectory } from './directory.ts';

const recordOf = (id = newId('ten'), version = 1): TenantRecord => ({
  id,
  slug: 'acme',
  name: 'Acme Trading',
  status: 'active',
  country: 'ID',
  currency: 'IDR',
  timeZone: 'Asia/Jakarta',
  mode: 'live',
  tax: { registered: false, npwp: null },
  version,
});

let nats: Nats;
let folder: string;
let directory: TenantDirectory;
let users: Awaited<ReturnType<typeof openStateWriter<TenantRecord>>>;
/** What users answers when it is asked itself, and how often it was. */
let known: Map<string, TenantRecord>;
let asked = 0;
let isAway = false;
const mesh = {
  async call(_endpoint: unknown, { params }: { params: { tenantId: string } }) {
    asked++;
    if (isAway) throw upstreamUnavailable('The users service is unavailable.');
    const record = known.get(params.tenantId);
    if (record === undefined) throw notFound(`There is no tenant ${params.tenantId}.`);
    return record;
  },
  close: async () => undefined,
} as unknown as Mesh;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tenantry-directory-'));
  nats = await connectNats({
    url: inject('natsUrl'),
    name: 'directory',
    namespace: `d${randomBytes(5).toString('hex')}`,
  });
  users = await openStateWriter<TenantRecord>(nats, TENANTS_BUCKET);
  directory = await openTenantDirectory(nats, mesh, { snapshotFile: join(folder, 'tenants.json') });
});
afterAll(async () => {
  await directory.close();
  await nats.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
  known = new Map();
  asked = 0;
  isAway = false;
});

describe('The tenant directory', () => {
  it('answers from memory what was pushed', async () => {
    const record = recordOf();
    const changed: string[] = [];
    directory.onChange((tenantId) => changed.push(tenantId));
    await users.put(record.id, record);
    await eventually(() => expect(directory.peek(record.id)).toEqual(record));
    expect(await directory.get(record.id)).toEqual(record);
    expect(changed).toContain(record.id);
    expect(asked).toBe(0);
  });

  it('asks users once for a tenant that has not been pushed yet', async () => {
    const record = recordOf();
    known.set(record.id, record);
    expect(directory.peek(record.id)).toBeUndefined();
    expect(await directory.get(record.id)).toEqual(record);
    expect(await directory.get(record.id)).toEqual(record);
    expect(directory.peek(record.id)).toEqual(record);
    expect(asked).toBe(1);
  });

  it('believes the push over what it was told before', async () => {
    const record = recordOf();
    known.set(record.id, record);
    await directory.get(record.id);
    await users.put(record.id, { ...record, status: 'suspended', version: 2 });
    await eventually(() => expect(directory.peek(record.id)?.status).toBe('suspended'));
  });

  it('does not remember that a tenant was missing: it may be created a moment later', async () => {
    const record = recordOf();
    await expect(directory.get(record.id)).rejects.toMatchObject({ kind: { code: 'not-found' } });
    known.set(record.id, record);
    expect(await directory.get(record.id)).toEqual(record);
  });

  it('does not call a tenant missing because users is away', async () => {
    isAway = true;
    await expect(directory.get(newId('ten'))).rejects.toMatchObject({ kind: { code: 'upstream-unavailable' } });
  });
});
