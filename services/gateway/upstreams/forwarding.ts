import type { Exchange } from '../edge/exchange.ts';
import { Slots } from '../edge/slots.ts';
import { Upload } from '../edge/upload.ts';
import { retrace } from '../traces/note-attempt.ts';
import { Attempt, type AttemptOwner, late } from './attempt.ts';
import { Deadlines, type Due } from './deadlines.ts';
import type { ForwardingOptions } from './forwarding-options.ts';
import type { Instance } from './instance.ts';
import { unanswered } from './unanswered.ts';

const MAX_ATTEMPTS = 3;
/** How long a request may wait for the registry to bring an instance, while a service is being restarted. */
const MAX_REGISTRY_WAIT_MS = 1_000;

const deadlines = new Deadlines();
/**
 * Under numbers, and none of them pointed to by its exchange. Were it so, both and all that undici has of a request would
 * hang together, and V8 would move a fifth of everything that requests allocate into the old generation.
 */
const underWay = new Slots<Forwarding>();

const leave = (exchange: Exchange): void => {
  underWay.take(exchange.forwardingSlot)?.leave();
  exchange.forwardingSlot = -1;
};

/**
 * Gets one request answered: by an instance that the balancer picks, by another one where the first could not have done
 * anything yet or may do it twice, within the retry budget and the deadline.
 */
export class Forwarding implements Due, AttemptOwner {
  place = -1;
  dueAtMs = Number.POSITIVE_INFINITY;
  readonly #options: ForwardingOptions;
  readonly #tried: Instance[] = [];
  /** Of those tried: whoever could not even be sent anything. */
  readonly #unusable: Instance[] = [];
  #attempts = 0;
  #hasWaited = false;
  #isSettled = false;
  /** A request was begun on a connection: what became of it, only the other side knows. */
  #mayHaveActed = false;
  #current: Attempt | null = null;

  constructor(options: ForwardingOptions) {
    this.#options = options;
    const { exchange, cluster } = options;
    cluster.group().budget.recordRequest();
    exchange.forwardingSlot = underWay.put(this);
    exchange.onOver = leave;
    const patienceMs = Math.max(exchange.deadlineMs - Date.now(), 1);
    // How long an upload takes is the client's matter, within limits of its own; the answer is awaited from its end on.
    if (exchange.body instanceof Upload) exchange.body.onceWhole(() => this.#arm(patienceMs));
    else this.#arm(patienceMs);
  }

  #arm(patienceMs: number): void {
    if (this.#isSettled) return;
    this.dueAtMs = performance.now() + patienceMs;
    deadlines.add(this);
  }

  start(): void {
    const { cluster, balanceBy, exchange } = this.#options;
    if (this.#isSettled) return;
    if (exchange.isOver) {
      leave(exchange);
      return;
    }
    for (;;) {
      const group = cluster.group();
      // Somebody else if possible; else the same again, for a connection may have broken that the instance survived.
      const instance = group.pick(this.#tried, balanceBy) ?? group.pick(this.#unusable, balanceBy);
      if (instance === undefined) {
        this.#waitForInstance();
        return;
      }
      const permit = instance.acquire();
      this.#tried.push(instance);
      if (permit !== null) {
        if (++this.#attempts > 1) retrace(this.#options.headers, exchange, this.#attempts);
        this.#current = new Attempt(this, this.#options, instance, permit);
        this.#current.send();
        return;
      }
      this.#unusable.push(instance);
    }
  }

  begun(): void {
    this.#mayHaveActed = true;
    this.#options.onBegun?.();
  }

  /** The answer is there, whole or from here on unstoppable. */
  settle(instance: Instance): void {
    this.#isSettled = true;
    deadlines.delete(this);
    this.#options.exchange.instanceId = instance.record.instanceId;
  }

  /** An attempt came to nothing. `mayRepeat`: another one can do no harm. */
  failed(
    instance: Instance,
    outcome: { readonly mayRepeat: boolean; readonly wasSent: boolean },
    cause: unknown,
  ): void {
    this.#current = null;
    if (instance.isGone) this.#unusable.push(instance);
    if (this.#isSettled) return;
    const { body } = this.#options.exchange;
    if (body instanceof Upload && body.problem !== null) {
      this.#giveUp(body.problem);
      return;
    }
    const mayGoOn = outcome.mayRepeat && this.#attempts < MAX_ATTEMPTS && this.#mayAfford(outcome.wasSent);
    if (mayGoOn) this.start();
    else this.#giveUp(unanswered(this.#options.cluster, this.#tried, { cause, wasSent: this.#mayHaveActed }));
  }

  /**
   * The budget keeps retries from multiplying the load on a service that is down. An attempt that never reached anybody
   * was no load, so passing over a dead instance to a standing one is free.
   */
  #mayAfford(wasSent: boolean): boolean {
    const group = this.#options.cluster.group();
    if (!wasSent && group.hasStanding(this.#tried)) return true;
    return group.budget.tryWithdraw();
  }

  /**
   * Every instance there was is gone: its process is being restarted, and its successor will be in the registry in a
   * moment. No attempt is under way or could be repeated with harm here, so waiting is safe whatever the method.
   */
  #waitForInstance(): void {
    const { cluster, exchange } = this.#options;
    // Only our own services have successors that announce themselves.
    const areHeldBack = this.#unusable.some((instance) => !instance.isGone);
    if (!cluster.isOurs || this.#hasWaited || areHeldBack) {
      // Where one was tried, that attempt has been told of.
      if (areHeldBack || this.#tried.length === 0) cluster.missed?.(areHeldBack);
      this.#giveUp(unanswered(cluster, this.#tried));
      return;
    }
    this.#hasWaited = true;
    const untilMs = Date.now() + Math.min(MAX_REGISTRY_WAIT_MS, exchange.deadlineMs - Date.now());
    const wait = async (): Promise<void> => {
      while (!exchange.isOver && !this.#isSettled && Date.now() < untilMs) {
        await cluster.nextChange(untilMs - Date.now());
        if (cluster.group().pick(this.#unusable, '') !== undefined) break;
      }
      this.start();
    };
    void wait();
  }

  #giveUp(error: unknown): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    deadlines.delete(this);
    this.#end();
    this.#options.fail(error);
  }

  /** Nobody waits any longer. */
  expire(): void {
    const current = this.#current;
    this.#giveUp(late(this.#options.cluster));
    current?.abort('deadline-passed');
  }

  /** The client has gone, or has its answer. */
  leave(): void {
    deadlines.delete(this);
    const isNews = !this.#isSettled;
    this.#isSettled = true;
    this.#current?.abort('client-left');
    if (isNews) this.#end();
  }

  /** An attempt that has no connection yet is never begun from here on. */
  #end(): void {
    if (!this.#mayHaveActed) this.#options.onNeverSent?.();
  }
}
