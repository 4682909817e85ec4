import { randomUUID } from 'node:crypto';
import type { SimulatorClock } from '../../shared/clock.ts';
import type { JsonObject } from '../domain/json.ts';
import type { Transaction } from '../domain/transaction.ts';
import { notificationBody } from '../domain/transaction-body.ts';
import { type Faults, takeForWebhook, type WebhookFault } from '../faults.ts';
import type { Merchants } from '../merchants.ts';
import type { Settings } from '../settings.ts';
import { type Attempt, type Delivery, retriesDone } from './delivery.ts';
import type { DeliveryLog } from './delivery-log.ts';
import { postNotification } from './post-notification.ts';
import { isDelivered, nextRetryInMs } from './retry-policy.ts';

export type NotifierDeps = {
  readonly clock: SimulatorClock;
  readonly log: DeliveryLog;
  readonly faults: Faults;
  readonly merchants: Merchants;
  readonly settings: Settings;
  readonly webhookTimeoutMs: number;
  /** Between 0 and 1. */
  readonly random: () => number;
  readonly changed: () => void;
};

/** Tells merchants what became of a transaction, again and again until they answer 2xx or the retries are used up. */
export class Notifier {
  readonly #deps: NotifierDeps;
  readonly #closing = new AbortController();

  constructor(deps: NotifierDeps) {
    this.#deps = deps;
  }

  /** Starts at once; resolves when the first attempts of this notification are over (those that are due now). */
  notify(transaction: Transaction): Promise<readonly Delivery[]> {
    const { faults } = this.#deps;
    const target = {
      orderId: transaction.orderId,
      serverKey: transaction.serverKey,
      transactionStatus: transaction.status,
    };
    const urls = this.#urlsOf(transaction);
    const applied = urls.length === 0 ? [] : takeForWebhook(faults, target);
    const deliveries = urls.flatMap((url) => this.#createDeliveries(transaction, url, applied));
    const work = this.#attemptFirst(transaction.transactionId, deliveries);
    this.#deps.clock.track(work);
    return work.then(() => deliveries.map((delivery) => this.#deps.log.get(delivery.id) ?? delivery));
  }

  /** The dashboard's "resend": the same bytes once more, whatever the state. */
  async redeliver(delivery: Delivery): Promise<Delivery> {
    await this.#attempt(delivery.id, 'redeliver');
    return this.#deps.log.get(delivery.id) ?? delivery;
  }

  /** Takes up what a stopped simulator left unfinished. */
  resume(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) {
      this.#deps.log.put(delivery);
      if (delivery.state === 'waiting') this.#scheduleAttempt(delivery.id, delivery.nextAttemptAtMs ?? 0);
      if (delivery.state === 'sending') this.#scheduleAttempt(delivery.id, 0);
    }
  }

  close(): void {
    this.#closing.abort();
  }

  #urlsOf(transaction: Transaction): readonly string[] {
    const { override, append } = transaction.notificationUrls;
    if (override.length > 0) return override;
    const configured = this.#deps.merchants.get(transaction.serverKey)?.notificationUrl ?? null;
    return [...(configured === null ? [] : [configured]), ...append];
  }

  #createDeliveries(transaction: Transaction, url: string, applied: readonly WebhookFault[]): readonly Delivery[] {
    const nowMs = this.#deps.clock.nowMs();
    const kinds = applied.map((fault) => fault.kind);
    const delaySeconds = applied.reduce((sum, fault) => sum + (fault.kind === 'webhook-delay' ? fault.seconds : 0), 0);
    const copies = applied.reduce((sum, fault) => sum + (fault.kind === 'webhook-duplicate' ? fault.copies : 0), 0);
    const honest = notificationBody(transaction);
    const body = kinds.includes('webhook-wrong-signature') ? withWrongSignature(honest) : honest;
    const delivery = (): Delivery => ({
      id: randomUUID(),
      transactionId: transaction.transactionId,
      orderId: transaction.orderId,
      serverKey: transaction.serverKey,
      transactionStatus: transaction.status,
      statusCode: String(honest['status_code']),
      url,
      body: JSON.stringify(body),
      faults: kinds,
      createdAtMs: nowMs,
      state: kinds.includes('webhook-drop') ? 'dropped' : kinds.includes('webhook-reorder') ? 'held' : 'waiting',
      nextAttemptAtMs: nowMs + delaySeconds * 1_000,
      attempts: [],
    });
    return Array.from({ length: 1 + copies }, delivery);
  }

  async #attemptFirst(transactionId: string, deliveries: readonly Delivery[]): Promise<void> {
    const { log } = this.#deps;
    const heldBefore = log.ofTransaction(transactionId).filter((delivery) => delivery.state === 'held');
    for (const delivery of deliveries) log.put(delivery);
    this.#deps.changed();
    const sendable = deliveries.filter((delivery) => delivery.state === 'waiting');
    const due = sendable.filter((delivery) => delivery.nextAttemptAtMs === delivery.createdAtMs);
    for (const delivery of sendable) {
      if (!due.includes(delivery)) this.#scheduleAttempt(delivery.id, delivery.nextAttemptAtMs ?? 0);
    }
    await Promise.all(due.map((delivery) => this.#attempt(delivery.id, 'first')));
    if (due.length > 0) await Promise.all(heldBefore.map((delivery) => this.#attempt(delivery.id, 'first')));
  }

  #scheduleAttempt(id: string, atMs: number): void {
    this.#deps.clock.schedule(atMs, async () => {
      const delivery = this.#deps.log.get(id);
      // delivered by a redelivery in the meantime, or forgotten by a reset
      if (delivery?.state === 'waiting' || delivery?.state === 'sending') {
        const isFirst = !delivery.attempts.some((attempt) => attempt.trigger !== 'redeliver');
        await this.#attempt(id, isFirst ? 'first' : 'retry');
      }
    });
  }

  async #attempt(id: string, trigger: Attempt['trigger']): Promise<void> {
    const { clock, log, webhookTimeoutMs } = this.#deps;
    const before = log.get(id);
    if (before === undefined) return;
    if (trigger !== 'redeliver') log.put({ ...before, state: 'sending', nextAttemptAtMs: null });
    const startedAtMs = clock.nowMs();
    const startedAt = performance.now();
    const signal = this.#closing.signal;
    const { outcome, redirectedTo } = await postNotification(before.url, before.body, {
      timeoutMs: webhookTimeoutMs,
      signal,
    });
    const delivery = log.get(id);
    if (delivery === undefined || signal.aborted) return; // reset, or stopped: it is attempted again after the start
    const durationMs = Math.round(performance.now() - startedAt);
    const attempts = [...delivery.attempts, { trigger, startedAtMs, durationMs, outcome, redirectedTo }];
    const isTaken = delivery.state === 'delivered'; // by a redelivery in the meantime
    if (isDelivered(outcome)) log.put({ ...delivery, attempts, state: 'delivered', nextAttemptAtMs: null });
    else if (trigger === 'redeliver' || isTaken) log.put({ ...delivery, attempts });
    else this.#planRetry({ ...delivery, attempts }, outcome);
    this.#deps.changed();
  }

  #planRetry(delivery: Delivery, outcome: Attempt['outcome']): void {
    const { clock, log, settings, random } = this.#deps;
    const shift = settings.retryJitter ? random() * 2 - 1 : 0;
    const inMs = nextRetryInMs(outcome, retriesDone(delivery), shift);
    if (inMs === null) {
      log.put({ ...delivery, state: 'exhausted', nextAttemptAtMs: null });
      return;
    }
    const nextAttemptAtMs = clock.nowMs() + inMs;
    log.put({ ...delivery, state: 'waiting', nextAttemptAtMs });
    this.#scheduleAttempt(delivery.id, nextAttemptAtMs);
  }
}

/** Well-formed and wrong, so that only a real comparison notices. */
function withWrongSignature(body: JsonObject): JsonObject {
  const signature = String(body['signature_key']);
  return { ...body, signature_key: (signature.startsWith('0') ? '1' : '0') + signature.slice(1) };
}
