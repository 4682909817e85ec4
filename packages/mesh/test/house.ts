import { generateKeyPairSync } from 'node:crypto';
import { newUuid } from '@tenantry/kernel/id.ts';
import { readProvenKey } from '../identity/proof.ts';
import { type KeptIdentity, openRenewedIdentity, type RenewedIdentity } from '../identity/renewed-identity.ts';
import { formatSpiffeId, type SpiffeId } from '../identity/spiffe-id.ts';
import { revocationKey, type Trust } from '../identity/trust.ts';
import { writeCertificate } from '../identity/write-certificate.ts';

type Root = {
  readonly name: string;
  readonly certificate: string;
  readonly key: ReturnType<typeof newKeys>['privateKey'];
};

const newKeys = () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const YEAR_MS = 31_536_000_000;

function newRoot(): Root {
  const name = `root ${newUuid()}`;
  const { publicKey, privateKey } = newKeys();
  const subject = {
    name,
    key: publicKey,
    isAuthority: true,
    hosts: [],
    from: new Date(Date.now() - 60_000),
    to: new Date(Date.now() + YEAR_MS),
  };
  return { name, certificate: writeCertificate(subject, { name, key: privateKey }), key: privateKey };
}

/** An authority and what everybody believes, without hub and NATS: for tests of what stands on certificates. */
export function openHouse(options: { readonly lifeMs?: number } = {}) {
  const listeners = new Set<() => void>();
  const revoked = new Set<string>();
  let roots = [newRoot(), newRoot()];
  let vouching = roots[0] as Root;
  let version = 1;
  let lifeMs = options.lifeMs ?? 3_600_000;
  let isAway = false;
  let issued = 0;
  const tell = (): void => {
    for (const listener of [...listeners]) listener();
  };
  const trust: Trust = {
    roots: () => ({ version, certificates: roots.map(({ certificate }) => certificate) }),
    isRevoked: ({ instanceId, serial }) =>
      revoked.has(revocationKey({ instanceId })) || (serial !== undefined && revoked.has(revocationKey({ serial }))),
    learn: () => undefined,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: async () => undefined,
  };
  const opened: RenewedIdentity[] = [];
  return {
    trust,
    issued: () => issued,
    /** Certificates from now on. */
    setLife: (ms: number) => {
      lifeMs = ms;
    },
    setAway: (away: boolean) => {
      isAway = away;
    },
    /** The next root vouches; the one before it is believed for as long as its certificates last. */
    rotate() {
      const next = newRoot();
      roots = [...roots, next];
      vouching = roots.at(-2) as Root;
      version++;
      tell();
    },
    /** Other roots altogether, as after a loss. */
    beginAnew() {
      roots = [newRoot(), newRoot()];
      vouching = roots[0] as Root;
      version++;
      tell();
    },
    revoke(what: { serial?: string; instanceId?: string }) {
      revoked.add(revocationKey(what));
      tell();
    },
    async join(
      service: string,
      more: { id?: SpiffeId; kept?: KeptIdentity; isAwaited?: boolean; random?: () => number } = {},
    ): Promise<RenewedIdentity> {
      const id = more.id ?? { namespace: '', service, instanceId: `${service}-${newUuid()}` };
      const identity = openRenewedIdentity({
        id,
        trust,
        ...(more.kept === undefined ? {} : { kept: more.kept }),
        ...(more.random === undefined ? {} : { random: more.random }),
        request: async (proven) => {
          if (isAway) throw new Error('The hub is away.');
          const key = readProvenKey(formatSpiffeId(id), proven);
          if (key === null) throw new Error('That proves nothing.');
          issued++;
          const subject = {
            name: id.instanceId,
            key,
            isAuthority: false,
            hosts: [formatSpiffeId(id)],
            from: new Date(Date.now() - 60_000),
            to: new Date(Date.now() + lifeMs),
          };
          return { certificate: writeCertificate(subject, vouching), roots: trust.roots() };
        },
      });
      opened.push(identity);
      if (more.isAwaited !== false) await identity.ready;
      return identity;
    },
    close() {
      for (const identity of opened) identity.close();
    },
  };
}
