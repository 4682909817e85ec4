import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { Type } from 'typebox';
import { afterAll, describe, expect, it } from 'vitest';
import { defineConfiguration } from '../configuration.ts';
import { SecretText, ServerUrl } from './secrecy.ts';
import { showValue } from './show-value.ts';

const billing = defineConfiguration(
  'billing',
  Type.Object({
    PORT: Type.Integer({ default: 8025, description: 'Port to listen on' }),
    HOST: Type.String({ default: '127.0.0.1' }),
    PASSWORD: SecretText({ default: '', description: 'Of the operator' }),
    REDIS_URL: ServerUrl({ default: '', description: 'redis://host:port' }),
  }),
);
const folder = mkdtempSync(join(tmpdir(), 'tenantry-print-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('A printed configuration', () => {
  it('says of each setting what it is, where it comes from and what it means', () => {
    const file = join(folder, 'configuration.json');
    writeFileSync(file, JSON.stringify({ billing: { HOST: '0.0.0.0' } }));
    const printed = billing.print({
      TENANTRY_CONFIG_FILE: file,
      PASSWORD: 'env:OTHER',
      OTHER: 'x',
      REDIS_URL: 'redis://me:hunter2@db:6379/1?password=hunter2',
    });
    expect(printed.split('\n').slice(2)).toEqual([
      'name       value                      source               description',
      'PORT       8025                       default              Port to listen on',
      'HOST       0.0.0.0                    file',
      'PASSWORD   (set)                      reference env:OTHER  Of the operator',
      'REDIS_URL  redis://***@db:6379/1?***  environment          redis://host:port',
      '',
    ]);
    expect(billing.print({})).toMatch(/^PASSWORD +\(not set\) +default/m);
  });

  it('is the same whatever a secret is: there is nothing to be learned from it but that it is there', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (secret) => {
        // A reference to something else; and in a file, where a line ends, nothing.
        fc.pre(!/^(file|env|secret):|^\r$/.test(secret));
        expect(billing.print({ PASSWORD: secret })).toBe(billing.print({ PASSWORD: 'other' }));
        const url = (password: string) => `redis://user:${encodeURIComponent(password)}@db:6379/0`;
        expect(billing.print({ REDIS_URL: url(secret) })).toBe(billing.print({ REDIS_URL: url('other') }));
        writeFileSync(join(folder, 'secret'), `${secret}\n`);
        const referred = { PASSWORD: `file:${folder}/secret` };
        expect(billing.print(referred)).toMatch(/^PASSWORD +\(set\) +reference file:/m);
      }),
    );
  });

  it('shows nothing of a password that was put into a URL as it is, wherever parsers take it to end', () => {
    const mark = 'hunter2';
    const piece = fc.string({ unit: fc.constantFrom(...'@/?#:\\% a1[]&=\u202e\n'), maxLength: 6 });
    const scheme = fc.constantFrom('redis', 'postgres', 'nats', 'http', 'smtp');
    fc.assert(
      fc.property(scheme, piece, piece, piece, (name, user, before, after) => {
        for (const url of [
          `${name}://${user}:${before}${mark}${after}@db:1/x`,
          `${name}://${before}${mark}${after}@db`,
          `${name}://db:1/x?${user}=${before}${mark}${after}`,
          // Behind two slashes it would be the name of a host.
          `${name}:${before.replace(/^[/\\]+/, '')}${mark}${after}`,
        ]) {
          expect(showValue(url, 'credentials')).not.toContain(mark);
          // Also where we expect no credentials, as in the URL of the hub.
          if (url.includes('://')) expect(showValue(url, 'none')).not.toContain(mark);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ['redis://127.0.0.1:6379', 'redis://127.0.0.1:6379'],
    ['redis://:pass@[::1]:6379/2', 'redis://***@[::1]:6379/2'],
    ['nats://token@a:4222,b:4222', 'nats://***@a:4222,b:4222'],
    ['no url at all', '(set)'],
    ['', '(not set)'],
  ])('shows of the URL %j only %j', (url, shown) => {
    expect(showValue(url, 'credentials')).toBe(shown);
  });

  it('stays one line per setting, whatever stands in them', () => {
    expect(showValue('a\nb\u202ec\u001b[2J', 'none')).toBe('a\\u{a}b\\u{202e}c\\u{1b}[2J');
  });
});
