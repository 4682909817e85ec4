import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { issueAccessToken } from '@tenantry/auth/access-token.ts';
import type { SigningKey } from '@tenantry/auth/jws.ts';
import { newId, type TenantId } from '@tenantry/kernel/id.ts';
import type { Tokens } from '../load/wrk.ts';

const LIFE_SECONDS = 3_000;

export type TokenSets = {
  /** What clients come with: as many users as there are lines, spread over the tenants. */
  readonly warm: Tokens;
  /** Tokens that nobody has seen, `take` at a time; begins again when all are used up. */
  readonly takeNew: () => Tokens;
  /** SPKI, for peers. */
  readonly publicKeyPem: string;
  readonly first: string;
};

export type TokenCounts = { readonly warm: number; readonly fresh: number; readonly freshAtOnce: number };

export function writeTokens(
  folder: string,
  options: {
    readonly key: SigningKey;
    readonly issuer: string;
    readonly tenantIds: readonly TenantId[];
    readonly counts: TokenCounts;
  },
): TokenSets {
  const { key, issuer, tenantIds, counts } = options;
  const nowSeconds = Math.floor(Date.now() / 1_000);
  const claims = (index: number) => ({
    tenantId: tenantIds[index % tenantIds.length] ?? newId('ten'),
    userId: newId('usr'),
    sessionId: newId('ses'),
    roles: ['member'],
    issuedAtSeconds: nowSeconds,
    expiresAtSeconds: nowSeconds + LIFE_SECONDS,
  });
  const issue = (index: number): string => issueAccessToken(key, issuer, claims(index));
  const write = (name: string, lines: readonly string[]): string => {
    const file = join(folder, name);
    writeFileSync(file, `${lines.join('\n')}\n`);
    return file;
  };
  const warm = Array.from({ length: counts.warm }, (_, index) => issue(index));
  const fresh = write(
    'fresh.txt',
    Array.from({ length: counts.fresh }, (_, index) => issue(index)),
  );
  let skip = 0;
  return {
    warm: { file: write('warm.txt', warm), skip: 0, take: warm.length },
    takeNew: () => {
      if (skip + counts.freshAtOnce > counts.fresh) skip = 0;
      const taken = { file: fresh, skip, take: counts.freshAtOnce };
      skip += counts.freshAtOnce;
      return taken;
    },
    publicKeyPem: key.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    first: warm[0] ?? '',
  };
}
