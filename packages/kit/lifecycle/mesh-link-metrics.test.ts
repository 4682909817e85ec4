import { duplexPair } from 'node:stream';
import { CallingLink } from '@tenantry/link/calling-link.ts';
import type { IncomingCall } from '@tenantry/link/incoming-call.ts';
import { serveLink } from '@tenantry/link/serve-link.ts';
import { LinkCounts } from '@tenantry/mesh/links/link-counts.ts';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { registerMeshLinkMetrics } from './mesh-link-metrics.ts';

const QUESTION = { method: 'GET', path: '/v1/things' } as const;

async function openCounted() {
  const counts = new LinkCounts();
  const users = counts.to('users');
  const held: IncomingCall[] = [];
  const [near, far] = duplexPair();
  const server = serveLink(far, {
    handle: (call) => void held.push(call),
    onFault: (fault) => expect.unreachable(String(fault)),
    window: 2,
  });
  const link = new CallingLink(near, { onEnd: (end) => users.ended(link, end) });
  await link.opened;
  users.opened(link);
  const registry = new Registry();
  registerMeshLinkMetrics(registry, counts);
  const lines = async () => (await registry.metrics()).split('\n');
  return { counts, users, held, server, link, lines };
}

describe('What is told of links to other services', () => {
  it('is how many stand, what they carry now and have carried, and what found no room', async () => {
    const { link, held, users, lines } = await openCounted();
    const under = [link.request(QUESTION), link.request(QUESTION)];
    await expect(link.request(QUESTION)).rejects.toMatchObject({ reason: 'busy' });
    users.turnedAway();
    users.notOpened();
    await expect.poll(() => held).toHaveLength(2);
    const told = await lines();
    for (const line of [
      'mesh_link_connections{callee="users"} 1',
      'mesh_link_calls_in_flight{callee="users"} 2',
      'mesh_link_unsent_bytes{callee="users"} 0',
      'mesh_link_calls_begun_total{callee="users"} 2',
      'mesh_link_without_room_total{callee="users"} 2',
      'mesh_link_open_failures_total{callee="users"} 1',
      // HELLO and the two calls.
      'mesh_link_frames_total{callee="users"} 3',
      `mesh_link_writes_total{callee="users"} ${link.gauges.writes}`,
      `mesh_link_bytes_total{callee="users",direction="sent"} ${link.gauges.bytesWritten}`,
      `mesh_link_bytes_total{callee="users",direction="received"} ${link.gauges.bytesRead}`,
    ])
      expect(told).toContain(line);
    expect(link.gauges.bytesWritten).toBeGreaterThan(2 * QUESTION.path.length);
    expect(link.gauges.bytesRead).toBeGreaterThan(0);
    for (const call of held) call.answer(200, [], null);
    await Promise.all(under);
    link.close();
  });

  it('is why links ended, and what they carried stays; a scrape counts nothing twice', async () => {
    const { link, held, server, lines } = await openCounted();
    const lost = link.request(QUESTION).catch((error: unknown) => error);
    await expect.poll(() => held).toHaveLength(1);
    server.close();
    expect(await lost).toMatchObject({ reason: 'lost' });
    const told = await lines();
    for (const line of [
      'mesh_link_connections{callee="users"} 0',
      'mesh_link_calls_in_flight{callee="users"} 0',
      'mesh_link_calls_begun_total{callee="users"} 1',
      'mesh_link_ends_total{callee="users",reason="going-away"} 1',
    ])
      expect(told).toContain(line);
    expect(await lines()).toEqual(told);
  });
});
