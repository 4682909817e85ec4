import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { PORTS, portsWithOffset } from '../ports.ts';
import { claimPorts, claimRange, type PortClaim } from './claim-ports.ts';

let claims: PortClaim[] = [];
afterEach(async () => {
  await Promise.all(claims.map((claim) => claim.release()));
  claims = [];
});

async function claim(): Promise<PortClaim> {
  const one = await claimPorts();
  claims.push(one);
  return one;
}

const portsOf = ({ offset }: PortClaim): number[] => Object.values(portsWithOffset(offset));

describe('Ports that were claimed', () => {
  it('at the same instant are nobody else’s', async () => {
    const ports = (await Promise.all([claim(), claim(), claim()])).flatMap(portsOf);
    expect(new Set(ports).size).toBe(ports.length);
  });

  it('are neither those of `npm start` nor any that outgoing connections get', async () => {
    const ports = portsOf(await claim());
    expect(Math.min(...ports)).toBeGreaterThan(Math.max(...Object.values(PORTS)));
    expect(Math.max(...ports)).toBeLessThan(32_768);
  });

  it('nobody else gets, nor a range in which somebody listens', async () => {
    const { offset } = await claim();
    expect(await claimRange(offset)).toBeUndefined();
    const somebody = createServer();
    await once(somebody.listen(PORTS.payments + offset, '127.0.0.1'), 'listening');
    try {
      await claims.pop()?.release();
      expect(await claimRange(offset)).toBeUndefined();
    } finally {
      somebody.close();
    }
  });

  it('are given back: there are always some, however many tests came before', async () => {
    for (let test = 0; test < 50; test++) await (await claimPorts()).release();
  });
});
