import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { openWithAny, resealText, sealText } from '@tenantry/databases/secrets/sealed-text.ts';
import type { Clock } from '@tenantry/kernel/clock.ts';
import { newUuid } from '@tenantry/kernel/id.ts';
import { formatInstant } from '@tenantry/kernel/instant.ts';
import { upstreamUnavailable, validationFailed } from '@tenantry/kernel/problems.ts';
import type { Logger } from '@tenantry/kit/logger.ts';
import { type ProvenKey, readProvenKey } from '@tenantry/mesh/identity/proof.ts';
import type { IssuedCertificate } from '@tenantry/mesh/identity/renewed-identity.ts';
import { formatSpiffeId } from '@tenantry/mesh/identity/spiffe-id.ts';
import type { Revocation, TrustedRoots } from '@tenantry/mesh/identity/trust.ts';
import { newSerial, writeCertificate } from '@tenantry/mesh/identity/write-certificate.ts';
import {
  type Authority,
  mayVouchAtMs,
  nextRoot,
  type Root,
  type RootPolicy,
  tendRoots,
  vouchingRoot,
} from '../domain/roots.ts';
import { instanceRevoked, rootTooYoung } from '../problems.ts';
import type { AuthorityStore } from '../store/authority-store.ts';

export type AuthorityDeps = {
  readonly store: AuthorityStore;
  readonly namespace: string;
  /** What the keys of roots are sealed with; while the master key changes, what they were sealed with before comes after. */
  readonly sealingKeys: readonly [Buffer, ...Buffer[]];
  readonly policy: RootPolicy;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** Clocks of two machines may differ by this much. */
const SKEW_MS = 60_000;
/** Announced, vouching, retired, each for as long as one rotation at the most, and the same again in case hubs stand still. */
const ROOT_LIVES = 4;

/** The certificate authority of the house, the same at every hub. */
export class MeshAuthority {
  readonly #deps: AuthorityDeps;
  readonly #keys = new Map<string, KeyObject>();
  /** Looked at once each. */
  readonly #readableSeals = new Set<string>();
  #publishedVersion = 0;

  constructor(deps: AuthorityDeps) {
    this.#deps = deps;
    deps.store.onChange(() => {
      this.#publishedVersion = 0;
    });
  }

  /** What is shown; throws while it has not been read. */
  get standing(): { readonly roots: readonly Root[]; readonly revocations: readonly Revocation[] } {
    if (!this.#deps.store.isWhole()) throw notReadYet();
    return { roots: this.roots, revocations: this.revocations };
  }

  get roots(): readonly Root[] {
    return this.#deps.store.current()?.roots ?? [];
  }

  get revocations(): readonly Revocation[] {
    return this.#deps.store.revocations();
  }

  /**
   * A certificate for whoever has shown the key to it.
   * @throws validationFailed when the proof does not hold, instanceRevoked, upstreamUnavailable while roots or revocations
   * have not been read
   */
  issue(who: { readonly service: string; readonly instanceId: string }, key: ProvenKey): IssuedCertificate {
    const { store, namespace, clock, policy } = this.#deps;
    if (!store.isWhole()) throw notReadYet();
    const spiffeId = formatSpiffeId({ namespace, ...who });
    const proven = readProvenKey(spiffeId, key);
    if (proven === null)
      throw validationFailed('The key is not one of P-256 that whoever asks has the private part of.', {
        errors: [{ path: '/proof', message: `must sign this name with the key: ${spiffeId}` }],
      });
    if (this.revocations.some(({ instanceId }) => instanceId === who.instanceId))
      throw instanceRevoked(`${who.instanceId} was revoked. A new process gets a name, and certificates, of its own.`);
    const root = vouchingRoot(this.roots);
    if (root === undefined)
      throw upstreamUnavailable('This hub has no root yet. Try again shortly.', { retryAfterSeconds: 1 });
    const nowMs = clock.now().epochMilliseconds;
    const certificate = writeCertificate(
      {
        name: who.instanceId,
        key: proven,
        isAuthority: false,
        hosts: [spiffeId],
        from: new Date(nowMs - SKEW_MS),
        to: new Date(nowMs + policy.certificateLifeMs),
      },
      { name: nameOf(root.id), key: this.#keyOf(root) },
      newSerial(),
    );
    return { certificate, roots: this.#trusted() };
  }

  /** Does what is due, and tells everybody what has changed, by whomever. Doing it twice is doing it once. */
  async tend(): Promise<void> {
    const { store, policy, clock } = this.#deps;
    const change = () => ({ nowMs: clock.now().epochMilliseconds, makeRoot: this.#makeRoot });
    const standing = store.current();
    const tended = (authority: Authority | null) => tendRoots(this.#readable(authority), policy, change());
    if (tended(standing) !== standing) {
      await store.change(tended);
      this.#log('the roots of the mesh have changed');
    }
    const trusted = this.#trusted();
    if (this.#publishedVersion === trusted.version) return;
    await store.publish(trusted);
    this.#publishedVersion = trusted.version;
  }

  /** Has the next root vouch from now on. @throws rootTooYoung */
  async rotate(by: string): Promise<void> {
    const { store, policy, clock } = this.#deps;
    await store.change((current) => {
      const nowMs = clock.now().epochMilliseconds;
      const next = nextRoot(current?.roots ?? []);
      if (next === undefined || nowMs < mayVouchAtMs(next, policy)) {
        const from = next === undefined ? nowMs + policy.certificateLifeMs : mayVouchAtMs(next, policy);
        throw rootTooYoung(
          `Not every process has certainly heard of the next root. It may vouch from ${formatInstant(Temporal.Instant.fromEpochMilliseconds(from))} on.`,
        );
      }
      return tendRoots(current, policy, { nowMs, makeRoot: this.#makeRoot, calledBy: by });
    });
    this.#log('the roots of the mesh were rotated', by);
    await this.tend();
  }

  /** Nobody believes it from now on. Answers the revocation that stands. */
  async revoke(what: Pick<Revocation, 'serial' | 'instanceId'>, reason: string, by: string): Promise<Revocation> {
    const { store, clock, logger } = this.#deps;
    const revocation = await store.revoke({ ...what, reason, revokedBy: by, revokedAt: formatInstant(clock.now()) });
    logger.warn({ ...what, reason, by }, 'a certificate of the mesh was revoked');
    return revocation;
  }

  #trusted(): TrustedRoots {
    const authority = this.#deps.store.current();
    return {
      version: authority?.version ?? 0,
      certificates: (authority?.roots ?? []).map(({ certificate }) => certificate),
    };
  }

  /** Under the current master key what lies under the one before; a root whose key nobody can read any more vouches no more. */
  #readable(authority: Authority | null): Authority | null {
    if (authority === null) return null;
    const roots = authority.roots.flatMap((root) => this.#reseal(root) ?? []);
    if (roots.every((root, place) => root === authority.roots[place]) && roots.length === authority.roots.length)
      return authority;
    return { version: authority.version + 1, roots };
  }

  #reseal(root: Root): Root | null {
    if (this.#readableSeals.has(root.sealedKey)) return root;
    try {
      const anew = resealText(this.#deps.sealingKeys, placeOf(root.id), Buffer.from(root.sealedKey, 'base64'));
      if (anew !== null) return { ...root, sealedKey: anew.toString('base64') };
      this.#readableSeals.add(root.sealedKey);
      return root;
    } catch {
      return null;
    }
  }

  readonly #makeRoot = (nowMs: number): Root => {
    const { policy, sealingKeys } = this.#deps;
    const id = newUuid();
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const expiresAtMs = nowMs + ROOT_LIVES * policy.rotateEveryMs + 2 * policy.certificateLifeMs;
    const certificate = writeCertificate(
      {
        name: nameOf(id),
        key: publicKey,
        isAuthority: true,
        hosts: [],
        from: new Date(nowMs - SKEW_MS),
        to: new Date(expiresAtMs),
      },
      { name: nameOf(id), key: privateKey },
    );
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const sealedKey = sealText(sealingKeys[0], placeOf(id), pem).toString('base64');
    return {
      id,
      certificate,
      expiresAtMs,
      sealedKey,
      announcedAtMs: nowMs,
      vouchesSinceMs: null,
      retiredAtMs: null,
      calledBy: null,
    };
  };

  #keyOf({ id, sealedKey }: Root): KeyObject {
    let key = this.#keys.get(id);
    if (key === undefined) {
      key = createPrivateKey(openWithAny(this.#deps.sealingKeys, placeOf(id), Buffer.from(sealedKey, 'base64')));
      this.#keys.set(id, key);
    }
    return key;
  }

  #log(message: string, by: string | null = null): void {
    const ids = (roots: readonly (Root | undefined)[]) => roots.map((root) => root?.id ?? null);
    const [vouching, next] = ids([vouchingRoot(this.roots), nextRoot(this.roots)]);
    this.#deps.logger.info({ vouching, next, by }, message);
  }
}

const notReadYet = () =>
  upstreamUnavailable('The roots of the mesh have not been read yet: this hub waits for NATS. Try again shortly.', {
    retryAfterSeconds: 1,
  });

const nameOf = (rootId: string): string => `Tenantry mesh root ${rootId}`;
const placeOf = (rootId: string): string => `mesh-root/${rootId}`;
