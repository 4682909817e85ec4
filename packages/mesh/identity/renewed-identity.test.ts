import { X509Certificate } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { openHouse } from '../test/house.ts';
import type { KeptKey } from './renewed-identity.ts';

let house: ReturnType<typeof openHouse>;
const open = (options: Parameters<typeof openHouse>[0] = {}) => {
  house = openHouse(options);
  return house;
};
afterEach(() => house.close());

const certificateOf = (options: { readonly cert?: unknown }): X509Certificate =>
  new X509Certificate(String(options.cert));

/** In memory, where a service has a file. */
function openDrawer() {
  let kept: KeptKey | null = null;
  return {
    kept: () => kept,
    read: async () => kept,
    write: async (given: KeptKey) => {
      kept = given;
    },
  };
}

describe('An identity', () => {
  it('is a certificate with its SPIFFE id, for a key of P-256, good for TLS 1.3 alone', async () => {
    const identity = await open().join('billing');
    const options = identity.serverOptions();
    const certificate = certificateOf(options);
    expect(identity.spiffeId).toMatch(/^spiffe:\/\/tenantry\/-\/billing\/billing-[0-9a-f-]{36}$/);
    expect(certificate.subjectAltName).toBe(`URI:${identity.spiffeId}`);
    expect(certificate.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
    expect(options).toMatchObject({ minVersion: 'TLSv1.3', requestCert: true, rejectUnauthorized: true });
    expect(options.ca).toHaveLength(2);
    expect(identity.holds()).toBe(true);
    expect(identity.isOverdue()).toBe(false);
  });

  it('is renewed before its end, each time with a new key', async () => {
    const identity = await open({ lifeMs: 3_000 }).join('billing');
    const seen = new Set<string>();
    identity.onChange(() =>
      seen.add(String(certificateOf(identity.serverOptions()).publicKey.export({ format: 'jwk' }).x)),
    );
    await eventually(() => expect(seen.size).toBeGreaterThanOrEqual(2));
    expect(identity.holds()).toBe(true);
  });

  it('is renewed around the half of its life, long before that is overdue', async () => {
    // The earliest: two fifths of its life; from 65 % on it would be overdue.
    const identity = await open({ lifeMs: 10_000 }).join('billing', { random: () => 0 });
    let wasOverdue = false;
    const look = setInterval(() => {
      wasOverdue ||= identity.isOverdue();
    }, 10);
    await eventually(() => expect(house.issued()).toBe(2));
    clearInterval(look);
    expect(wasOverdue).toBe(false);
  });

  it('goes on while the hub is away, says that its renewal is late, and in the end that it has none', async () => {
    const identity = await open({ lifeMs: 3_000 }).join('billing');
    house.setAway(true);
    expect(identity.clientOptions('payments')).toBeDefined();
    await eventually(() => expect(identity.isOverdue()).toBe(true));
    await eventually(() => expect(() => identity.clientOptions('payments')).toThrow('has expired'));
    expect(identity.holds()).toBe(false);
    house.setAway(false);
    await eventually(() => expect(identity.holds()).toBe(true));
    expect(identity.isOverdue()).toBe(false);
  });

  it('is told at once when other roots hold, and renewed when its own does no more', async () => {
    const identity = await open().join('billing');
    const before = certificateOf(identity.serverOptions()).serialNumber;
    // Until it rests, for half an hour.
    await nextTurn();
    house.rotate();
    expect(identity.serverOptions().ca).toHaveLength(3);
    // What vouched for it is still among them.
    expect(certificateOf(identity.serverOptions()).serialNumber).toBe(before);
    house.beginAnew();
    await eventually(() => expect(certificateOf(identity.serverOptions()).serialNumber).not.toBe(before));
    expect(house.issued()).toBe(2);
  });

  it('cannot be used before there is one', async () => {
    open();
    house.setAway(true);
    const identity = await house.join('billing', { isAwaited: false });
    expect(() => identity.clientOptions('payments')).toThrow('no mesh certificate yet');
    house.setAway(false);
    await identity.ready;
    expect(identity.clientOptions('payments').secureContext).toBeDefined();
  });
});

describe('A process that starts while the hub is away', () => {
  const startAgain = async (prepare: (kept: KeptKey) => void = () => undefined, service = 'billing') => {
    const drawer = openDrawer();
    const before = await open().join('billing', { kept: drawer });
    before.close();
    await eventually(() => expect(drawer.kept()).not.toBeNull());
    prepare(drawer.kept() as KeptKey);
    house.setAway(true);
    return house.join(service, { kept: drawer, isAwaited: false });
  };
  const isReadySoon = ({ ready }: { readonly ready: Promise<unknown> }) =>
    Promise.race([ready.then(() => true), new Promise((resolve) => setTimeout(resolve, 500, false))]);

  it('goes on with what the one before it had, and is renewed when the hub is back', async () => {
    const identity = await startAgain();
    await identity.ready;
    expect(identity.holds()).toBe(true);
    const kept = certificateOf(identity.serverOptions()).serialNumber;
    house.setAway(false);
    await eventually(() => expect(certificateOf(identity.serverOptions()).serialNumber).not.toBe(kept));
    expect(certificateOf(identity.serverOptions()).subjectAltName).toBe(`URI:${identity.spiffeId}`);
  });

  it('waits when that was revoked', async () => {
    const identity = await startAgain(({ certificate }) =>
      house.revoke({ serial: new X509Certificate(certificate).serialNumber.toLowerCase() }),
    );
    expect(await isReadySoon(identity)).toBe(false);
  });

  it('waits when no root vouches for it any more', async () => {
    expect(await isReadySoon(await startAgain(() => house.beginAnew()))).toBe(false);
  });

  it('waits when it was another service’s', async () => {
    expect(await isReadySoon(await startAgain(() => undefined, 'payments'))).toBe(false);
  });
});
