import type { AccessTokenClaims } from '@tenantry/auth/access-token.ts';
import { readSessionStanding } from '@tenantry/contract/session-standing.ts';
import type { Mesh } from '@tenantry/mesh/client.ts';

const PATIENCE_MS = 1_000;

/** Asks users whether a session still stands, for when its revocation may not have been pushed. */
export const createRecheck =
  (mesh: Pick<Mesh, 'call'>) =>
  async ({ tenantId, sessionId }: AccessTokenClaims): Promise<'valid' | 'revoked'> => {
    const { standing } = await mesh.call(
      readSessionStanding,
      { params: { sessionId } },
      { tenantId, timeoutMs: PATIENCE_MS },
    );
    return standing;
  };
