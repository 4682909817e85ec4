import { Problem } from '@tenantry/kernel/problem.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readTarget } from './target.ts';

/** How a server behind us might read a path: it decodes any number of times, knows `\`, `//`, dots and `;parameters`. */
function readCarelessly(path: string): string[] {
  let text = path;
  for (let i = 0; i < 12; i++)
    text = text.replace(/%([0-9a-fA-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  return text
    .replaceAll('\\', '/')
    .split('/')
    .map((segment) => segment.split(';')[0] ?? '');
}

const accepted = (path: string): boolean => {
  try {
    readTarget(path);
    return true;
  } catch (error) {
    if (error instanceof Problem) return false;
    throw error;
  }
};

describe('A request target', () => {
  it('is split at its first question mark', () => {
    expect(readTarget('/v1/a?b=?c')).toEqual({ path: '/v1/a', query: 'b=?c' });
    expect(readTarget('/')).toEqual({ path: '/', query: '' });
    expect(readTarget('/.well-known/jwks.json').path).toBe('/.well-known/jwks.json');
  });

  it('that is accepted has the same segments for the most careless reader as for the router', () => {
    const piece = fc.constantFrom(
      '/',
      '.',
      '..',
      '%',
      '2',
      'e',
      'f',
      '5',
      'c',
      '25',
      '%2e',
      '%2F',
      '%5c',
      '%00',
      '%c0%ae',
      ';',
      '\\',
      'a',
      'é',
      '%c3%a9',
      '?',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
        const path = `/${pieces.join('')}`.split('?')[0] ?? '/';
        if (!accepted(path)) return;
        const careless = readCarelessly(path);
        expect(careless).toHaveLength(path.split('/').length);
        expect(careless.filter((segment) => segment === '.' || segment === '..' || segment.includes('\0'))).toEqual([]);
        expect(careless.slice(1, -1).filter((segment) => segment === '')).toEqual(
          path
            .split('/')
            .slice(1, -1)
            .filter((segment) => segment.startsWith(';'))
            .map(() => ''),
        );
      }),
      { numRuns: 5_000 },
    );
  });

  it('is accepted whatever an id, a slug or an encoded name may contain', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9 äöü€_~:@!$&'()*+,=-]{1,20}$/), (name) => {
        expect(accepted(`/v1/things/${encodeURIComponent(name)}`)).toBe(true);
      }),
    );
  });
});
