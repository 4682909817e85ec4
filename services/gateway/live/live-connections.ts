import { newUuid, type TenantId } from '@tenantry/kernel/id.ts';
import { addressKey } from '../edge/client-address.ts';
import type { Exchange } from '../edge/exchange.ts';
import { RedisGate } from '../limits/redis-gate.ts';
import { tooManyConnections } from '../problems.ts';
import type { RedisClient } from '../run-script.ts';
import { LiveCounts, type LiveKind } from './live-counts.ts';
import { type Full, LiveGroup, type Terms, type Whose } from './live-group.ts';
import { settlePlaces } from './settle-places.ts';

export type LiveLimits = { readonly perTenant: number; readonly perPrincipal: number };

export type LiveConnectionsOptions = {
  readonly redis: RedisClient;
  /**
   * Over all processes of all gateways, as they are now. Without a token (null) a principal is whoever has one address.
   */
  readonly limitsOf: (kind: LiveKind, tenantId: TenantId | null) => LiveLimits;
  /** Live processes, among whom a limit is divided while Redis is away. */
  readonly processes: () => number;
  readonly leaseMs?: number;
  readonly recoveryMs?: number;
  readonly monotonicMs?: () => number;
};

type Opener = Pick<Exchange, 'verified' | 'clientAddress'>;

/** After so long what a killed process held is free again. */
const LEASE_MS = 10_000;
/** Each lease is renewed three times before it would end: one beat may be lost, and one late. */
const BEATS = 3;
/** A beat is spread over so many moments, so that no request has to wait for all tenants at once. */
const MOMENTS = 10;
/** How long who opens a connection waits for Redis. */
const PATIENCE_MS = 400;
/** Longer than it takes any process to find a Redis again that came back empty: see `createRedis`. */
const RECOVERY_MS = 5_000;
const RETRY_AFTER_SECONDS = 5;

const SHOWN: Readonly<Record<LiveKind, string>> = { 'event-stream': 'event streams', websocket: 'WebSockets' };
const OWNER: Readonly<Record<Whose, string>> = {
  tenant: 'Your tenant has',
  principal: 'You have',
  address: 'Your address has',
};

/**
 * How many connections stay open at a time: of one tenant, of one principal of it, or of one address where there is no
 * token. All processes of all gateways count together in Redis, which is asked only when one opens and told when one
 * closes. While it is away each process lets in its share of the limit.
 */
export class LiveConnections {
  readonly counts = new LiveCounts();
  readonly #options: LiveConnectionsOptions;
  /** Never the name of an earlier process: what that one held is not ours. */
  readonly #who: { readonly holder: string; readonly leaseMs: number };
  readonly #groups = new Map<string, LiveGroup>();
  readonly #monotonicMs: () => number;
  readonly #timer: NodeJS.Timeout;
  #round: MapIterator<LiveGroup>;
  #gate: RedisGate;
  #recoversUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: LiveConnectionsOptions) {
    this.#options = options;
    this.#who = { holder: newUuid(), leaseMs: options.leaseMs ?? LEASE_MS };
    this.#monotonicMs = options.monotonicMs ?? (() => performance.now());
    this.#gate = this.#newGate();
    this.#round = this.#groups.values();
    this.#timer = setInterval(() => this.#beat(), this.#who.leaseMs / BEATS / MOMENTS);
    this.#timer.unref();
    options.redis.on('ready', this.#recover);
  }

  /** Takes a place, or throws the refusal. Returns how to leave, which may be called again without harm. */
  async enter(kind: LiveKind, opener: Opener): Promise<() => void> {
    const { tag, terms } = this.#termsOf(kind, opener);
    const full = await this.#group(tag).enter(terms);
    if (full !== null) {
      this.counts.refused(kind, full.whose);
      throw refusal(kind, full);
    }
    this.counts.opened(kind);
    let hasLeft = false;
    return () => {
      if (hasLeft) return;
      hasLeft = true;
      this.counts.closed(kind);
      this.#groups.get(tag)?.leave(terms);
    };
  }

  /** Gives everything back. What leaves later makes no difference. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#options.redis.off('ready', this.#recover);
    await Promise.all([...this.#groups.values()].map((group) => group.close()));
  }

  #termsOf(kind: LiveKind, { verified, clientAddress }: Opener): { tag: string; terms: readonly Terms[] } {
    const { perTenant, perPrincipal } = this.#options.limitsOf(kind, verified?.claims.tenantId ?? null);
    if (verified === null) {
      const tag = addressKey(clientAddress);
      return { tag, terms: [{ key: `{${tag}}:live:${kind}`, limit: perPrincipal, whose: 'address' }] };
    }
    const tag = verified.claims.tenantId;
    const key = `{${tag}}:live:${kind}`;
    return {
      tag,
      terms: [
        { key, limit: perTenant, whose: 'tenant' },
        {
          key: `${key}:${verified.principal.tenantId}:${verified.principal.id}`,
          limit: perPrincipal,
          whose: 'principal',
        },
      ],
    };
  }

  #group(tag: string): LiveGroup {
    let group = this.#groups.get(tag);
    if (group === undefined) {
      group = new LiveGroup({
        settle: (counts, openings) =>
          this.#gate.ask(() => {
            this.counts.redisCalls++;
            return settlePlaces(this.#options.redis, this.#who, counts, openings);
          }),
        shareOf: (limit) => Math.max(1, Math.floor(limit / Math.max(1, this.#options.processes()))),
        isRecovering: () => this.#monotonicMs() < this.#recoversUntilMs,
        onEmpty: () => this.#groups.delete(tag),
      });
      this.#groups.set(tag, group);
    }
    return group;
  }

  #beat(): void {
    for (let left = Math.ceil(this.#groups.size / MOMENTS); left > 0; left--) {
      let next = this.#round.next();
      if (next.done) {
        this.#round = this.#groups.values();
        next = this.#round.next();
      }
      next.value?.tell();
    }
  }

  /** It may be another Redis, or one that has lost its memory: the first thing it hears is what is held here. */
  readonly #recover = (): void => {
    this.#gate = this.#newGate();
    this.#recoversUntilMs = this.#monotonicMs() + (this.#options.recoveryMs ?? RECOVERY_MS);
    for (const group of this.#groups.values()) group.tell();
  };

  #newGate(): RedisGate {
    return new RedisGate(this.#monotonicMs, PATIENCE_MS);
  }
}

const refusal = (kind: LiveKind, { whose, limit }: Full) =>
  tooManyConnections(`${OWNER[whose]} as many ${SHOWN[kind]} open as may be (${limit}). Close one, then try again.`, {
    extensions: { limit },
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
