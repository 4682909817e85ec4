import type { TenantId } from '@tenantry/kernel/id.ts';
import { describe, expect, it } from 'vitest';
import { TokenCache } from './token-cache.ts';
import type { Verified } from './verified.ts';

const of = (tenantId: string) => ({ claims: { tenantId: tenantId as TenantId } }) as Verified;

describe('Verified tokens', () => {
  it('are kept within bounds under a flood of new ones', () => {
    const cache = new TokenCache(100, 40);
    for (let i = 0; i < 10_000; i++) cache.set(`token-${i}`, of(`ten_${i % 7}`));
    expect(cache.size).toBeLessThanOrEqual(280);
  });

  it('of one tenant that brings ever new ones do not push out the others', () => {
    const cache = new TokenCache(100, 40);
    for (let i = 0; i < 20; i++) cache.set(`quiet-${i}`, of(`ten_${i % 4}`));
    for (let i = 0; i < 10_000; i++) cache.set(`flood-${i}`, of('ten_flood'));
    for (let i = 0; i < 20; i++) expect(cache.get(`quiet-${i}`)).toBeDefined();
    expect(cache.get('flood-9999')).toBeDefined();
  });

  it('may all be of one tenant while there is no other', () => {
    const cache = new TokenCache(100, 40);
    for (let i = 0; i < 100; i++) cache.set(`token-${i}`, of('ten_only'));
    for (let i = 0; i < 100; i++) expect(cache.get(`token-${i}`)).toBeDefined();
  });

  it('are not taken for another by a copied signature, and not forgotten for it', () => {
    const cache = new TokenCache(100, 40);
    const signature = 's'.repeat(86);
    cache.set(`Bearer honest.${signature}`, of('ten_honest'));
    expect(cache.get(`Bearer forged.${signature}`)).toBeUndefined();
    cache.delete(`Bearer forged.${signature}`);
    expect(cache.get(`Bearer honest.${signature}`)?.claims.tenantId).toBe('ten_honest');
  });

  it('are another when they differ in one character, and gone when they are deleted', () => {
    const cache = new TokenCache(4, 4);
    for (const token of ['a.b.c', 'a.b.d']) cache.set(token, of(token));
    expect(cache.get('a.b.c')?.claims.tenantId).toBe('a.b.c');
    for (let i = 0; i < 20; i++) cache.set(`flood-${i}`, of('ten_flood'));
    for (let i = 0; i < 20; i++) cache.delete(`flood-${i}`);
    for (let i = 0; i < 20; i++) expect(cache.get(`flood-${i}`)).toBeUndefined();
  });

  it('that happen to have the same key push each other out, and are never taken for each other', () => {
    const cache = new TokenCache(100, 40);
    const [one, other] = ['costarring', 'liquid']; // FNV-1a of both: 0x5e4daa9d
    cache.set(one, of('ten_one'));
    expect(cache.get(other)).toBeUndefined();
    cache.set(other, of('ten_other'));
    cache.delete(one);
    expect(cache.get(one)).toBeUndefined();
    expect(cache.get(other)?.claims.tenantId).toBe('ten_other');
    expect(cache.size).toBe(1);
  });
});
