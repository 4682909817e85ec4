import { constants, createPrivateKey, generateKeyPair, type KeyObject, X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSecureContext, type SecureContext, type SecureContextOptions, type TlsOptions } from 'node:tls';
import { promisify } from 'node:util';
import type { MeshIdentity } from '../identity.ts';
import { type ProvenKey, proveKey } from './proof.ts';
import { formatSpiffeId, type SpiffeId, spiffeIdIn } from './spiffe-id.ts';
import type { Trust, TrustedRoots } from './trust.ts';

/** What the hub answers to a proven key. PEM. */
export type IssuedCertificate = { readonly certificate: string; readonly roots: TrustedRoots };

export type RenewedIdentity = MeshIdentity & {
  /** Resolves with the first certificate. */
  readonly ready: Promise<void>;
  /** Whether there is a certificate that holds now. */
  readonly holds: () => boolean;
  /** Whether the renewal is late: it should have happened, and the hub did not do it. */
  readonly isOverdue: () => boolean;
  /** Null before the first certificate. */
  readonly expiresAtMs: () => number | null;
  /** For a door of those who have no certificate yet: shows the root with the certificate, and asks for none. */
  readonly introductionOptions: () => TlsOptions;
  /** PEM: those that hold now. */
  readonly roots: () => readonly string[];
  readonly close: () => void;
};

/** PEM, both. */
export type KeptKey = { readonly certificate: string; readonly privateKey: string };

/** Where a process finds what the one before it had, for a start while every hub is away. */
export type KeptIdentity = {
  readonly read: () => Promise<KeptKey | null>;
  readonly write: (kept: KeptKey) => Promise<void>;
};

export type RenewedIdentityOptions = {
  readonly id: SpiffeId;
  readonly trust: Trust;
  readonly request: (key: ProvenKey) => Promise<IssuedCertificate>;
  readonly kept?: KeptIdentity;
  /** Told once per outage, not of every attempt. */
  readonly onFailure?: (error: unknown) => void;
  readonly onRenewal?: (expiresAtMs: number) => void;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
};

const newKeys = promisify(generateKeyPair);
const FIRST_RETRY_MS = 200;
const LONGEST_RETRY_MS = 5_000;
/** Renewed at a half of its life, give or take a tenth, so that processes which started together do not come together. */
const HALF = 0.5;
const JITTER = 0.1;
const LATE = 0.65;

type Held = {
  readonly key: KeyObject;
  readonly certificate: string;
  /** The issuer is known by the key that verifies. */
  readonly parsed: X509Certificate;
  readonly gotAtMs: number;
  readonly expiresAtMs: number;
  readonly renewAtMs: number;
};

class NotYet extends Error {
  readonly code = 'ERR_MESH_NO_IDENTITY';
}

/**
 * A certificate for this process, renewed for as long as it runs. The private key is made here, anew each time, and is shown
 * to nobody; where `kept` is given it outlives the process, sealed.
 */
export function openRenewedIdentity(options: RenewedIdentityOptions): RenewedIdentity {
  const { id, trust, request, random = Math.random } = options;
  const spiffeId = formatSpiffeId(id);
  const closing = new AbortController();
  const first = Promise.withResolvers<void>();
  const listeners = new Set<() => void>();
  let held: Held | null = null;
  let context: SecureContext | null = null;
  let wake: (() => void) | null = null;

  const tell = (): void => {
    context = null;
    for (const listener of [...listeners]) listener();
  };
  const rootsOf = ({ parsed }: Held): readonly string[] =>
    trust.roots().certificates.filter((root) => parsed.verify(new X509Certificate(root).publicKey));
  const isVouchedFor = (candidate: Held): boolean => rootsOf(candidate).length > 0;
  const unwatch = trust.onChange(() => {
    tell();
    // A root that is gone vouches for nobody; do not wait for half the life of what it signed.
    if (held !== null && !isVouchedFor(held)) wake?.();
  });

  /** Of the process before, so its name is another one; what counts is the service, and that it still holds. */
  const takeUpKept = async (): Promise<void> => {
    const kept = (await options.kept?.read()) ?? null;
    if (kept === null) return;
    const candidate = toHeld(createPrivateKey(kept.privateKey), kept.certificate);
    const was = spiffeIdIn(candidate.parsed.subjectAltName);
    if (was === null || was.service !== id.service || was.namespace !== id.namespace) return;
    if (
      !isVouchedFor(candidate) ||
      candidate.expiresAtMs <= Date.now() ||
      !candidate.parsed.checkPrivateKey(candidate.key)
    )
      return;
    if (trust.isRevoked({ instanceId: was.instanceId, serial: candidate.parsed.serialNumber.toLowerCase() })) return;
    held = { ...candidate, renewAtMs: 0 };
    tell();
    first.resolve();
  };
  const toHeld = (key: KeyObject, certificate: string): Held => {
    const parsed = new X509Certificate(certificate);
    const gotAtMs = Date.now();
    const expiresAtMs = parsed.validToDate.getTime();
    const share = HALF + (random() * 2 - 1) * JITTER;
    return { key, certificate, parsed, gotAtMs, expiresAtMs, renewAtMs: gotAtMs + (expiresAtMs - gotAtMs) * share };
  };

  const renew = async (): Promise<void> => {
    const { publicKey, privateKey } = await newKeys('ec', { namedCurve: 'prime256v1' });
    const { certificate, roots } = await request(proveKey(spiffeId, publicKey, privateKey));
    const next = toHeld(privateKey, certificate);
    if (!next.parsed.checkPrivateKey(privateKey)) throw new Error('The hub answered a certificate of another key.');
    if (closing.signal.aborted) return;
    trust.learn(roots);
    held = next;
    tell();
    if (!isVouchedFor(next)) throw new Error('The hub signs with a root that does not hold any more.');
    first.resolve();
    options.onRenewal?.(next.expiresAtMs);
    await options.kept?.write({
      certificate,
      privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    });
  };

  const untilRenewal = (): number => (held === null || !isVouchedFor(held) ? 0 : held.renewAtMs - Date.now());
  const rest = async (ms: number): Promise<void> => {
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    await Promise.race([woken, sleep(ms, undefined, { signal: closing.signal, ref: false }).catch(() => undefined)]);
    wake = null;
  };
  void (async () => {
    let failures = 0;
    await takeUpKept().catch(() => undefined);
    while (!closing.signal.aborted) {
      try {
        await renew();
        failures = 0;
      } catch (error) {
        if (failures++ === 0) options.onFailure?.(error);
        await rest(Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), LONGEST_RETRY_MS));
        continue;
      }
      for (let restMs = untilRenewal(); restMs > 0 && !closing.signal.aborted; restMs = untilRenewal())
        await rest(restMs);
    }
  })();

  const contextOptions = (): SecureContextOptions => ({
    minVersion: 'TLSv1.3',
    // A ticket would let its holder in again without showing a certificate, whatever became of it since.
    secureOptions: constants.SSL_OP_NO_TICKET,
    ca: [...trust.roots().certificates],
    ...(held === null ? {} : { key: held.key.export({ type: 'pkcs8', format: 'pem' }), cert: held.certificate }),
  });
  const holds = (): boolean => held !== null && Date.now() < held.expiresAtMs;

  return {
    spiffeId,
    ready: first.promise,
    holds,
    isOverdue: () => held !== null && Date.now() > held.gotAtMs + (held.expiresAtMs - held.gotAtMs) * LATE,
    expiresAtMs: () => held?.expiresAtMs ?? null,
    serverOptions: () => ({ ...contextOptions(), requestCert: true, rejectUnauthorized: true }),
    introductionOptions: () => ({
      ...contextOptions(),
      ...(held === null ? {} : { cert: `${held.certificate}${rootsOf(held).join('')}` }),
    }),
    roots: () => trust.roots().certificates,
    clientOptions(service) {
      if (!holds())
        throw new NotYet(
          held === null
            ? 'This process has no mesh certificate yet: the hub has not answered.'
            : 'The mesh certificate of this process has expired, and the hub has not renewed it.',
        );
      // Made once per change: it costs as much as the rest of a handshake.
      context ??= createSecureContext(contextOptions());
      return {
        secureContext: context,
        rejectUnauthorized: true,
        checkServerIdentity: (_host, { subjectaltname, serialNumber }) => {
          const peer = spiffeIdIn(subjectaltname);
          if (peer === null || peer.service !== service || peer.namespace !== id.namespace)
            return new Error(`Whoever answers there is not an instance of ${service}.`);
          if (trust.isRevoked({ instanceId: peer.instanceId, serial: serialNumber.toLowerCase() }))
            return new Error(`The certificate of ${peer.instanceId} was revoked.`);
          return undefined;
        },
      };
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    isRevoked: trust.isRevoked,
    close() {
      closing.abort();
      unwatch();
      wake?.();
    },
  };
}
