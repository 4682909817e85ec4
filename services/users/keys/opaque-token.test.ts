import { newId } from '@tenantry/kernel/id.ts';
import { describe, expect, it } from 'vitest';
import { hashOpaqueToken, mintOpaqueToken, parseOpaqueToken } from './opaque-token.ts';

const tenantId = newId('ten');

describe('An opaque token', () => {
  it('names its kind and its tenant', () => {
    const token = mintOpaqueToken('rt', tenantId);
    expect(token).toMatch(/^rt_[0-9a-z]{26}_[A-Za-z0-9_-]{27}$/);
    expect(parseOpaqueToken('rt', token)).toBe(tenantId);
  });

  it('is another every time, with at least 128 random bits', () => {
    const tokens = Array.from({ length: 1_000 }, () => mintOpaqueToken('vt', tenantId));
    expect(new Set(tokens).size).toBe(1_000);
    const random = tokens[0]?.slice(-27) ?? '';
    expect(Buffer.from(random, 'base64url').length * 8).toBeGreaterThanOrEqual(128);
  });

  it('cannot be used in place of another kind', () => {
    expect(parseOpaqueToken('vt', mintOpaqueToken('rt', tenantId))).toBeNull();
  });

  it.each([
    '',
    'rt_',
    `rt_${'8'.repeat(26)}_${'A'.repeat(27)}`,
    `rt_${'u'.repeat(26)}_${'A'.repeat(27)}`,
    `rt_${'0'.repeat(25)}_${'A'.repeat(27)}`,
    `rt_${'0'.repeat(26)}_${'A'.repeat(26)}`,
    `rt_${'0'.repeat(26)}_${'A'.repeat(28)}`,
    `rt_${'0'.repeat(26)}_${'A'.repeat(26)}'`,
    ` rt_${'0'.repeat(26)}_${'A'.repeat(27)}`,
    `rt_${'0'.repeat(26)}_${'A'.repeat(27)}\n`,
  ])('that is malformed names nobody: %j', (token) => {
    expect(parseOpaqueToken('rt', token)).toBeNull();
  });

  it('is stored as a hash that shows nothing of it', () => {
    const token = mintOpaqueToken('rt', tenantId);
    const hash = hashOpaqueToken(token);
    expect(hash).toBe(hashOpaqueToken(token));
    expect(hash).not.toContain(token.slice(-27));
    expect(hash).toHaveLength(43);
    expect(hashOpaqueToken(`${token}x`)).not.toBe(hash);
  });
});
