import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { generateSigningKey, toPublicJwk } from '@tenantry/auth/jws.ts';
import { deriveClusterToken } from '@tenantry/databases/credentials.ts';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { createLogger } from '../logger.ts';
import type { Heartbeat, HeartbeatSources } from './heartbeat.ts';
import { type Registration, registerWithHub } from './registration.ts';

type Announced = { readonly attempt: number; readonly lastGeneration: number | null };

const MASTER_KEY = 'ab'.repeat(32);
const announcement = {
  instanceId: 'billing-1',
  service: 'billing',
  url: 'http://127.0.0.1:1',
  publicKey: toPublicJwk(generateSigningKey('billing-1').publicKey),
  endpoints: [],
};

/** A hub that can forget, hold an answer back, go away and come back. */
async function openHub(port = 0) {
  const seen: string[] = [];
  const bodies: Announced[] = [];
  const beats: Heartbeat[] = [];
  let generation = 6;
  let refuses = false;
  let known = false;
  let release: () => void = () => undefined;
  let held: Promise<void> | null = null;
  const server: Server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (request.headers.authorization !== `Bearer ${deriveClusterToken(MASTER_KEY)}`) {
      response.writeHead(401).end();
      return;
    }
    seen.push(`${request.method} ${request.url}`);
    const body: unknown = request.method === 'DELETE' ? null : JSON.parse(Buffer.concat(chunks).toString());
    if (request.method === 'PUT') {
      beats.push(body as Heartbeat);
      response.writeHead(known ? 204 : 404).end();
      return;
    }
    if (request.method === 'POST') {
      await held;
      bodies.push(body as Announced);
      if (refuses) {
        response.writeHead(409).end('{"code":"instance-replaced"}');
        return;
      }
      known = true;
      response.writeHead(201).end(JSON.stringify({ generation: ++generation }));
      return;
    }
    known = false;
    response.writeHead(204).end();
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const address = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    seen,
    bodies,
    beats,
    refuse: (whether: boolean) => {
      refuses = whether;
    },
    isKnown: () => known,
    forget: () => {
      known = false;
    },
    hold: () => {
      held = new Promise((resolve) => {
        release = resolve;
      });
    },
    release: () => {
      held = null;
      release();
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const open: { close: () => Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close();
});
const hubAt = async (port?: number) => {
  const hub = await openHub(port);
  open.push(hub);
  return hub;
};
function register(hubUrl: string, sources: HeartbeatSources = {}): Registration {
  const logger = createLogger({ service: 'billing', instanceId: 'billing-1', level: 'silent' });
  const registration = registerWithHub({ hubUrl, masterKey: MASTER_KEY, announcement, logger, sources });
  open.push({ close: registration.leave });
  return registration;
}

describe('An instance', () => {
  it('registers with its full record, beats, and leaves', async () => {
    const hub = await hubAt();
    const registration = register(hub.url);
    await registration.accepted;
    expect(hub.bodies).toEqual([{ ...announcement, attempt: 1, lastGeneration: null }]);
    await eventually(() => expect(hub.seen).toContain('PUT /v1/registry/instances/billing-1/heartbeat'));
    await registration.leave();
    expect(hub.seen.at(-1)).toBe('DELETE /v1/registry/instances/billing-1');
    expect(hub.isKnown()).toBe(false);
  });

  it('registers again with its full record as soon as the hub has forgotten it', async () => {
    const hub = await hubAt();
    await register(hub.url).accepted;
    hub.forget();
    await eventually(() =>
      expect(hub.bodies).toEqual([
        { ...announcement, attempt: 1, lastGeneration: null },
        { ...announcement, attempt: 2, lastGeneration: 7 },
      ]),
    );
    expect(hub.isKnown()).toBe(true);
  });

  it('starts without a hub, and finds it when it is there', async () => {
    const gone = await openHub();
    await gone.close();
    const registration = register(gone.url);
    const hub = await hubAt(gone.port);
    await registration.accepted;
    expect(hub.isKnown()).toBe(true);
  });

  it('goes on through an outage of the hub', async () => {
    const first = await openHub();
    await register(first.url).accepted;
    await first.close();
    const second = await hubAt(first.port);
    await eventually(() => expect(second.isKnown()).toBe(true));
  });

  it('that leaves while it registers does not stay behind', async () => {
    const hub = await hubAt();
    hub.hold();
    const registration = register(hub.url);
    await eventually(() => expect(hub.seen).toEqual(['POST /v1/registry/instances']));
    const left = registration.leave();
    // Time enough for a leave that would not wait: the hub has answered others that came after it.
    for (let i = 0; i < 20; i++) await fetch(`${hub.url}/other`);
    hub.release();
    await left;
    expect(hub.seen).toEqual(['POST /v1/registry/instances', 'DELETE /v1/registry/instances/billing-1']);
    expect(hub.isKnown()).toBe(false);
  });

  it('says with every beat which registration it believes in and how it is, each time a higher number', async () => {
    const hub = await hubAt();
    const dependencies = [{ name: 'redis', state: 'open', figures: { failures: 3 } }];
    const traffic = { windowMs: 2_000, edges: [] };
    register(hub.url, { traffic: { take: () => traffic }, dependencies: () => dependencies });
    await eventually(() => expect(hub.beats.length).toBeGreaterThanOrEqual(2));
    expect(hub.beats[0]).toEqual({ generation: 7, sequence: 1, status: 'up', traffic, dependencies });
    expect(hub.beats[1]?.sequence).toBe(2);
  });

  it('says at once that it drains, and stays registered until it leaves', async () => {
    const hub = await hubAt();
    const registration = register(hub.url);
    await registration.accepted;
    await registration.drain();
    expect(hub.beats.at(-1)?.status).toBe('draining');
    expect(hub.isKnown()).toBe(true);
    hub.forget();
    await eventually(() => expect(hub.bodies).toHaveLength(2));
    // A new record is "up" again: it is told at once that this one is not.
    await eventually(() => expect(hub.seen.at(-1)).toMatch(/heartbeat$/));
    expect(hub.beats.at(-1)?.status).toBe('draining');
  });

  it('that is refused goes on asking, and is let in when its place is free', async () => {
    const hub = await hubAt();
    hub.refuse(true);
    const registration = register(hub.url);
    await eventually(() => expect(hub.bodies.length).toBeGreaterThanOrEqual(2));
    expect(hub.beats).toEqual([]);
    hub.refuse(false);
    await registration.accepted;
    expect(hub.bodies.at(-1)?.lastGeneration).toBeNull();
  });

  it('goes to another hub when its own does not answer, also to say goodbye', async () => {
    const first = await openHub();
    const second = await hubAt();
    const registration = register(`${first.url}, ${second.url}`);
    await registration.accepted;
    expect(first.isKnown()).toBe(true);
    await first.close();
    await eventually(() => expect(second.isKnown()).toBe(true));
    expect(second.bodies.at(-1)?.lastGeneration).toBe(7);
    await registration.leave();
    expect(second.isKnown()).toBe(false);
  });

  it('leaves once, however often it is told to', async () => {
    const hub = await hubAt();
    const registration = register(hub.url);
    await registration.accepted;
    await Promise.all([registration.leave(), registration.leave()]);
    expect(hub.seen.filter((line) => line.startsWith('DELETE'))).toHaveLength(1);
  });

  it('can leave when the hub is away', async () => {
    const gone = await openHub();
    await gone.close();
    await register(gone.url).leave();
  });
});
