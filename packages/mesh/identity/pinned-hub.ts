import type { X509Certificate } from 'node:crypto';
import { connect, type TLSSocket } from 'node:tls';
import { Agent, type buildConnector, fetch } from 'undici';
import { fingerprintOf } from './fingerprints.ts';
import { spiffeIdIn } from './spiffe-id.ts';
import type { Trust } from './trust.ts';

const CONNECT_TIMEOUT_MS = 2_000;
/** A connection proves who is there when it is made, so none is used for longer. */
const CONNECTIONS_LAST_MS = 300_000;
/** Of a root and what it signs there are two; more is not our hub. */
const LONGEST_CHAIN = 4;

export type HubRequest = {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
};

/** What callers need of an answer, whichever `fetch` it came by. */
export type HubAnswer = Pick<Response, 'ok' | 'status' | 'text' | 'json'> & {
  readonly body: { cancel(): Promise<void> } | null;
};

/** Whoever answers there is not, or cannot show to be, a hub of this house. Nothing was sent. */
class HubNotBelieved extends Error {
  readonly code = 'ERR_HUB_NOT_BELIEVED';
}

export type PinnedHubOptions = {
  /** As `readFingerprints` gives them. */
  readonly fingerprints: readonly string[];
  readonly namespace: string;
};

/** What this process has heard of the mesh since. */
export type KnownTrust = {
  /** PEM: those that hold now. */
  readonly roots: () => readonly string[];
  readonly isRevoked: Trust['isRevoked'];
};

/**
 * The way to a hub before this process has a certificate: by TLS, to whoever has one of a hub, signed by a root that is pinned
 * or that this process has come to know since. The roots themselves need not be at hand: a hub shows its own in the handshake,
 * and the fingerprint says whether it is meant.
 */
export class PinnedHub {
  readonly #options: PinnedHubOptions;
  /** PEM, by fingerprint. */
  readonly #introduced = new Map<string, string>();
  #known: KnownTrust = { roots: () => [], isRevoked: () => false };
  #agent: Agent | null = null;
  #agentSinceMs = 0;

  constructor(options: PinnedHubOptions) {
    this.#options = options;
  }

  /** From now on a rotation needs no other pin, while this process or its snapshot lives. */
  follow(known: KnownTrust): void {
    this.#known = known;
  }

  /** @throws HubNotBelieved; TypeError where nobody answers */
  async fetch(url: string, request: HubRequest): Promise<HubAnswer> {
    try {
      return await fetch(url, { ...request, dispatcher: this.#dispatcher() });
    } catch (error) {
      throw error instanceof TypeError && error.cause instanceof HubNotBelieved ? error.cause : error;
    }
  }

  #dispatcher(): Agent {
    const nowMs = performance.now();
    if (this.#agent !== null && nowMs - this.#agentSinceMs < CONNECTIONS_LAST_MS) return this.#agent;
    void this.#agent?.close();
    this.#agent = new Agent({ connect: this.#connector });
    this.#agentSinceMs = nowMs;
    return this.#agent;
  }

  readonly #connector: buildConnector.connector = ({ hostname, port }, callback) => {
    this.#connect(hostname.replace(/^\[(.*)\]$/, '$1'), Number(port || 443)).then(
      (socket) => callback(null, socket),
      (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), null),
    );
  };

  async #connect(host: string, port: number): Promise<TLSSocket> {
    const first = await this.#shake(host, port);
    if (first.authorized) return first;
    const shown = rootOf(first);
    const because = first.authorizationError;
    first.destroy();
    const { fingerprints } = this.#options;
    const where = `at ${host}:${port}`;
    if (shown === null) throw new HubNotBelieved(`Whoever answers ${where} shows no root of a hub.`);
    const { fingerprint256: fingerprint } = shown;
    if (!this.#believed().some(([known]) => known === fingerprint)) {
      if (!fingerprints.includes(fingerprint))
        throw new HubNotBelieved(
          `The hub ${where} shows the root ${fingerprint}, and HUB_ROOT_FINGERPRINT names ${fingerprints.join(' and ')}. Either it is not the hub of this house, or its roots were rotated: compare with GET /v1/mesh/trust.`,
        );
      this.#introduced.set(fingerprint, shown.toString());
      const second = await this.#shake(host, port);
      if (second.authorized) return second;
      second.destroy();
      throw notOfTheHouse(where, second.authorizationError);
    }
    throw notOfTheHouse(where, because);
  }

  #believed(): readonly (readonly [fingerprint: string, pem: string])[] {
    return [...this.#introduced, ...this.#known.roots().map((pem) => [fingerprintOf(pem), pem] as const)];
  }

  /** Nothing is sent on a connection that does not come out of this as authorized. */
  #shake(host: string, port: number): Promise<TLSSocket> {
    const { namespace } = this.#options;
    return new Promise((resolve, reject) => {
      const socket = connect({
        ...{ host, port, minVersion: 'TLSv1.3', ALPNProtocols: ['http/1.1'] },
        ca: this.#believed().map(([, pem]) => pem),
        // Looked at by whoever calls this: the root that is shown decides what to say.
        rejectUnauthorized: false,
        checkServerIdentity: (_host, { subjectaltname, serialNumber }) => {
          const peer = spiffeIdIn(subjectaltname);
          if (peer?.service !== 'hub' || peer.namespace !== namespace)
            return new Error('its certificate is not one of a hub of this house');
          const { instanceId } = peer;
          if (this.#known.isRevoked({ instanceId, serial: serialNumber.toLowerCase() }))
            return new Error(`the certificate of ${instanceId} was revoked`);
          return undefined;
        },
      });
      const fail = (error: Error): void => {
        clearTimeout(timer);
        socket.destroy();
        reject(error);
      };
      const timer = setTimeout(() => fail(new Error(`No handshake with ${host}:${port} in time.`)), CONNECT_TIMEOUT_MS);
      socket.once('error', fail);
      socket.once('secureConnect', () => {
        clearTimeout(timer);
        socket.off('error', fail);
        socket.on('error', () => undefined);
        resolve(socket);
      });
    });
  }
}

const notOfTheHouse = (where: string, because: unknown): HubNotBelieved =>
  new HubNotBelieved(
    `Whoever answers ${where} cannot be believed: ${because instanceof Error ? because.message : String(because)}.`,
  );

/** What the peer says it is signed by, in the end. */
function rootOf(socket: TLSSocket): X509Certificate | null {
  let certificate = socket.getPeerX509Certificate();
  for (let place = 0; place < LONGEST_CHAIN && certificate !== undefined; place++) {
    if (certificate.ca && certificate.checkIssued(certificate)) return certificate;
    certificate = certificate.issuerCertificate;
  }
  return null;
}
