import { AsyncLocalStorage } from 'node:async_hooks';
import { generateSigningKey, toPublicJwk } from '@tenantry/auth/jws.ts';
import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed } from '@tenantry/contract/schemas.ts';
import {
  continueTrace,
  currentDeadlineMs,
  currentTraceparent,
  runWithContext,
  traceIdOf,
} from '@tenantry/kernel/call-context.ts';
import { newId } from '@tenantry/kernel/id.ts';
import { conflict } from '@tenantry/kernel/problems.ts';
import { createMesh } from '@tenantry/mesh/client.ts';
import type { Discovery } from '@tenantry/mesh/discovery.ts';
import { LocalDoors } from '@tenantry/mesh/local-doors.ts';
import type { InstanceRecord } from '@tenantry/mesh/registry.ts';
import { Type } from 'typebox';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../logger.ts';
import { Answering } from './answering.ts';
import { openLocalDoor } from './local-door.ts';
import { authenticateByPassport } from './passport-check.ts';
import { serve } from './route.ts';

const Note = Closed({ text: Type.String() });
const inner = { summary: 'X', access: 'services', body: Note, response: Note } as const;
const tell = endpoint({ ...inner, name: 'things.tell', method: 'POST', path: '/internal/tell', callers: ['shop'] });
const wait = endpoint({ ...inner, name: 'things.wait', method: 'POST', path: '/internal/wait', callers: ['shop'] });

const THINGS = 'things-1';
const SHOP = 'shop-1';
const shopKey = generateSigningKey(SHOP);
const tenantId = newId('ten');
const logger = createLogger({ service: 'things', instanceId: THINGS, level: 'silent' });
const record: InstanceRecord = {
  instanceId: THINGS,
  service: 'things',
  // Nobody listens there: what arrives arrives by a function.
  url: 'http://127.0.0.1:1',
  publicKey: toPublicJwk(shopKey.publicKey),
  status: 'up',
  generation: 1,
  registeredAt: '2026-01-01T00:00:00.000Z',
  endpoints: [],
};
const discovery: Discovery = {
  isKnown: () => true,
  instancesOf: (service) => (service === 'things' ? [record] : []),
  all: () => [record],
  issuerOf: async (instanceId) => (instanceId === SHOP ? { service: 'shop', key: shopKey.publicKey } : null),
  onChange: () => undefined,
  close: async () => undefined,
};

/** As a careless service might keep it; whoever is called must not find it. */
const kept = new AsyncLocalStorage<string>();
let seen: { store: string | undefined; traceId: string; deadlineMs: number; callerTenant: string }[];
let waiting: (() => void)[];
let doors: LocalDoors;
let closeDoor: () => Promise<void>;

beforeEach(() => {
  seen = [];
  waiting = [];
  doors = new LocalDoors();
  const answering = new Answering({
    service: 'things',
    routes: [
      serve(tell, async ({ body, principal }) => {
        const traceId = traceIdOf(currentTraceparent());
        seen.push({
          store: kept.getStore(),
          traceId,
          deadlineMs: currentDeadlineMs(),
          callerTenant: principal.tenantId,
        });
        kept.enterWith('of the handler');
        if (body.text === 'refuse') throw conflict('Already told.', { extensions: { by: 'whom' } });
        return { text: body.text.toUpperCase() };
      }),
      serve(wait, async ({ body }) => {
        await new Promise<void>((resolve) => waiting.push(resolve));
        return body;
      }),
    ],
    authenticate: authenticateByPassport(discovery),
    idempotency: null,
    isReady: async () => true,
    logger,
  });
  closeDoor = openLocalDoor(doors, THINGS, answering, logger);
});
afterEach(async () => {
  for (const end of waiting) end();
  await closeDoor();
});

/** Passports are the shop's; `caller` is whose way to the others it is. */
const meshOf = (caller: string) =>
  createMesh({
    service: 'shop',
    signingKey: shopKey,
    discovery,
    targets: doors.targetsFor({ service: caller, instanceId: `${caller}-1` }),
  });

describe('A call to a service in the same process', () => {
  it('arrives without a socket, checked and answered as over one', async () => {
    const mesh = meshOf('shop');
    expect(await mesh.call(tell, { body: { text: 'hello' } }, { tenantId })).toEqual({ text: 'HELLO' });
    await expect(mesh.call(tell, { body: { text: 'refuse' } }, { tenantId })).rejects.toMatchObject({
      kind: { code: 'conflict' },
      extensions: { by: 'whom' },
    });
    await expect(mesh.call(tell, { body: { text: 7 as never } }, { tenantId })).rejects.toMatchObject({
      kind: { code: 'validation-failed' },
      errors: [{ path: '/text' }],
    });
    await mesh.close();
  });

  it('brings tenant, trace and deadline, and nothing else of where it came from', async () => {
    const mesh = meshOf('shop');
    const traceparent = continueTrace(undefined);
    const deadlineMs = Date.now() + 3_000;
    await kept.run('of the caller', async () => {
      await runWithContext({ traceparent, deadlineMs }, () => mesh.call(tell, { body: { text: 'a' } }, { tenantId }));
      expect(kept.getStore()).toBe('of the caller');
    });
    await mesh.call(tell, { body: { text: 'b' } }, { tenantId: newId('ten') });
    expect(seen[0]).toEqual({ store: undefined, traceId: traceIdOf(traceparent), deadlineMs, callerTenant: tenantId });
    expect(seen[1]?.store).toBeUndefined();
    expect(seen[1]?.traceId).not.toBe(traceIdOf(traceparent));
    expect(seen[1]?.callerTenant).not.toBe(tenantId);
    await mesh.close();
  });

  it('is refused with a passport of somebody else than who calls', async () => {
    const mesh = meshOf('billing');
    await expect(mesh.call(tell, { body: { text: 'hello' } }, { tenantId })).rejects.toMatchObject({
      kind: { code: 'upstream-unavailable' },
    });
    expect(seen).toEqual([]);
    await mesh.close();
  });

  it('ends at its deadline, whatever the handler does', async () => {
    const mesh = meshOf('shop');
    const call = mesh.call(wait, { body: { text: 'a' } }, { tenantId, timeoutMs: 100 });
    await expect(call).rejects.toMatchObject({ kind: { code: 'upstream-timeout' } });
    await mesh.close();
  });

  it('is answered by a door that closes meanwhile; the next one is not taken', async () => {
    const mesh = meshOf('shop');
    const call = mesh.call(wait, { body: { text: 'a' } }, { tenantId });
    await expect.poll(() => waiting).toHaveLength(1);
    const closing = closeDoor();
    await expect(mesh.call(tell, { body: { text: 'hello' } }, { tenantId })).rejects.toMatchObject({
      kind: { code: 'upstream-unavailable' },
    });
    waiting[0]?.();
    expect(await call).toEqual({ text: 'a' });
    await closing;
    expect(seen).toEqual([]);
    await mesh.close();
  });
});
