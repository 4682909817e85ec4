import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { Pool } from 'undici';
import { describe, expect, it } from 'vitest';
import { platformGuard, tenantGuard, toBlockList } from '../products/network/address-guard.ts';
import { guardedConnect } from '../products/network/guarded-connect.ts';
import { readTargetUrl } from '../products/network/target-url.ts';

const guard = tenantGuard([]);

describe('The guard of tenants’ upstreams', () => {
  it.each([
    ...['127.0.0.1', '127.255.255.254', '0.0.0.0', '0.1.2.3', '10.1.2.3', '172.16.0.1', '172.31.255.255'],
    ...['192.168.1.1', '169.254.169.254', '100.64.0.1', '100.100.100.200', '192.0.0.192', '198.18.0.1'],
    ...['192.0.2.1', '198.51.100.1', '203.0.113.1', '224.0.0.1', '239.255.255.255', '240.0.0.1', '255.255.255.255'],
    ...['168.63.129.16', '::', '::1', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '::ffff:7f00:1', '::127.0.0.1'],
    ...['fe80::1', 'fe80::1%eth0', 'fc00::1', 'fd00:ec2::254', 'ff02::1', '64:ff9b::7f00:1', '64:ff9b:1::1'],
    ...['2001::1', '2001:db8::1', '2002:7f00:1::', '3fff::1', '4000::1', '100::1', 'fec0::1'],
    ...['localhost', '', '1.2.3', '0x7f.1', '2130706433', '017700000001'],
  ])('refuses %s', (address) => {
    expect(guard.allows(address, 443)).toBe(false);
  });

  it.each(['1.1.1.1', '8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700:4700::1111', '2a00:1450:4001::1'])(
    'lets %s',
    (address) => {
      expect(guard.allows(address, 443)).toBe(true);
    },
  );

  it('lets what the platform allows, and still no disguise of it', () => {
    const lenient = tenantGuard(['127.0.0.0/8']);
    expect(lenient.allows('127.0.0.1', 443)).toBe(true);
    expect(lenient.allows('10.0.0.1', 443)).toBe(false);
    expect(lenient.allows('::ffff:127.0.0.1', 443)).toBe(false);
  });

  it('refuses the public address of this machine', () => {
    expect(tenantGuard([], ['1.1.1.1']).allows('1.1.1.1', 443)).toBe(false);
  });

  it('agrees with the ranges for any IPv4 address in and around them', () => {
    const inside = (text: string): boolean => {
      const [a = 0, b = 0] = text.split('.').map(Number);
      return a === 0 || a === 10 || a === 127 || a >= 224 || (a === 192 && b === 168) || (a === 169 && b === 254);
    };
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        if (inside(address)) expect(guard.allows(address, 443)).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it('refuses a network that is none', () => {
    for (const network of ['10.0.0.0', '10.0.0.0/33', 'localhost/8', '::/129'])
      expect(() => toBlockList([network])).toThrow(RangeError);
  });
});

describe('The guard of the platform’s own upstreams', () => {
  const platform = platformGuard([]);
  it.each(['10.1.2.3', '127.0.0.1', '192.168.0.9', '::1', 'fd12::1', '1.1.1.1'])('lets %s', (address) => {
    expect(platform.allows(address, 443)).toBe(true);
  });
  it.each([
    '169.254.169.254',
    'fd00:ec2::254',
    'fe80::1',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    '::ffff:10.0.0.1',
  ])('refuses %s', (address) => {
    expect(platform.allows(address, 443)).toBe(false);
  });
});

describe('The address of a target', () => {
  it.each([
    ...['ftp://example.com', 'file:///etc/passwd', 'gopher://example.com', 'javascript:alert(1)', 'example.com'],
    ...['http://user@example.com', 'http://user:pw@example.com', 'http://example.com@evil.com'],
    ...['http://example.com/path', 'http://example.com?x=1', 'http://example.com#x', 'http://example.com\\evil'],
    ...['http://2130706433', 'http://0x7f000001', 'http://0177.0.0.1', 'http://127.1', 'http://0x7f.1', 'http://1'],
    ...['http://127.0.0.1.', 'http://localhost.', 'http://example.com.', 'http://１２７.0.0.1', 'http://ex ample.com'],
    ...['http://[::1%25eth0]', 'http://[::1', 'http://example.com:0', 'http://example.com:65536', 'http://a..b'],
    ...['http://-a.com', 'http://a-.com', 'http://%31%32%37.0.0.1', 'http://', 'https://exa\u0000mple.com'],
  ])('is refused: %s', (text) => {
    expect(readTargetUrl(text)).toHaveProperty('fault');
  });

  it('is taken in its one form', () => {
    expect(readTargetUrl('https://Shop.Example.com/')).toEqual({
      origin: 'https://shop.example.com',
      host: 'shop.example.com',
      port: 443,
    });
    expect(readTargetUrl('http://127.0.0.1:8080')).toMatchObject({ host: '127.0.0.1', port: 8_080 });
    expect(readTargetUrl('http://[2606:4700::1111]:81')).toMatchObject({ host: '2606:4700::1111', port: 81 });
  });
});

describe('A connection', () => {
  const ask = async (origin: string, pool: Pool): Promise<number | string> =>
    pool.request({ origin, path: '/', method: 'GET' }).then(
      async ({ statusCode, body }) => {
        await body.dump();
        return statusCode;
      },
      (error: NodeJS.ErrnoException) => String(error.code),
    );

  it('goes to the very address that was looked at, however the name changes its mind', async () => {
    const server = createServer((_request, response) => response.end('inside')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    // A rebinding name: public to whoever checks first, loopback to whoever connects.
    let asked = 0;
    const resolve = async () => [{ address: asked++ === 0 ? '1.1.1.1' : '127.0.0.1', family: 4 }];
    expect(guard.allows((await resolve())[0]?.address ?? '', 443)).toBe(true);
    const origin = `http://rebind.test:${port}`;
    const pool = new Pool(origin, { connect: guardedConnect({ guard, port, timeoutMs: 500, resolve }) });
    expect(await ask(origin, pool)).toBe('ERR_ADDRESS_REFUSED');
    // The same server is reached where loopback is allowed: it was the guard that refused, nothing else.
    const allowed = tenantGuard(['127.0.0.0/8']);
    const lenient = new Pool(origin, { connect: guardedConnect({ guard: allowed, port, timeoutMs: 500, resolve }) });
    expect(await ask(origin, lenient)).toBe(200);
    await Promise.all([pool.destroy(), lenient.destroy()]);
    server.close();
  });

  it('is refused when one of several addresses is bad, and when the address is written out', async () => {
    const mixed = async () => [
      { address: '1.1.1.1', family: 4 },
      { address: '10.0.0.1', family: 4 },
    ];
    for (const origin of [
      'http://mixed.test:81',
      'http://127.0.0.1:81',
      'http://[::1]:81',
      'https://169.254.169.254',
    ]) {
      const pool = new Pool(origin, { connect: guardedConnect({ guard, port: 81, timeoutMs: 500, resolve: mixed }) });
      expect(await ask(origin, pool)).toBe('ERR_ADDRESS_REFUSED');
      await pool.destroy();
    }
  });
});
