import { SimulatorClock } from '../shared/clock.ts';
import { FaultScript } from '../shared/fault-script.ts';
import { StateFile, UnreadableState } from '../shared/state-file.ts';
import type { Transaction } from './domain/transaction.ts';
import type { Faults } from './faults.ts';
import { type FinishedEntry, IdempotencyStore } from './idempotency.ts';
import { type Merchant, Merchants } from './merchants.ts';
import { Payments } from './payments.ts';
import { defaultSettings, type Settings } from './settings.ts';
import { type SnapOrder, SnapOrders } from './snap-orders.ts';
import { Transactions } from './transactions.ts';
import type { Delivery } from './webhooks/delivery.ts';
import { DeliveryLog } from './webhooks/delivery-log.ts';
import { Notifier } from './webhooks/notifier.ts';

export type SimulatorOptions = {
  /** Where the state is kept between starts; without it, in memory only. */
  readonly dataFile?: string | undefined;
  readonly webhookTimeoutMs?: number | undefined;
  /** Between 0 and 1; shifts the webhook retries. */
  readonly random?: (() => number) | undefined;
};

type SavedState = {
  readonly version: 1;
  readonly clockOffsetMs: number;
  readonly settings: Settings;
  readonly merchants: readonly Merchant[];
  readonly transactions: readonly Transaction[];
  readonly snapOrders: readonly SnapOrder[];
  readonly idempotency: readonly FinishedEntry[];
  readonly deliveries: readonly Delivery[];
};

/** Midtrans: "answer within 5 s", given up after 15. */
const defaultWebhookTimeoutMs = 15_000;

export type Simulator = ReturnType<typeof createSimulator>;

/** Everything behind the routes: the state, the clock that moves it, and the file that keeps it. */
export function createSimulator(options: SimulatorOptions) {
  const merchants = new Merchants();
  const transactions = new Transactions();
  const snapOrders = new SnapOrders();
  const idempotency = new IdempotencyStore();
  const faults: Faults = new FaultScript();
  const log = new DeliveryLog();
  const settings = defaultSettings();

  const snapshot = (): SavedState => ({
    version: 1,
    clockOffsetMs: clock.offsetMs,
    settings,
    merchants: merchants.all(),
    transactions: transactions.all(),
    snapOrders: snapOrders.all(),
    idempotency: idempotency.finished(clock.nowMs()),
    deliveries: log.toSave(),
  });
  const file = options.dataFile === undefined ? undefined : new StateFile(options.dataFile, snapshot);
  const saved = file === undefined ? undefined : loadOrSetAside(file);
  const changed = (): void => file?.touch();

  const clock = new SimulatorClock({ offsetMs: saved?.clockOffsetMs });
  const webhookTimeoutMs = options.webhookTimeoutMs ?? defaultWebhookTimeoutMs;
  const random = options.random ?? Math.random;
  const notifier = new Notifier({ clock, log, faults, merchants, settings, webhookTimeoutMs, random, changed });
  const payments = new Payments({ clock, transactions, notifier, settings, changed });

  if (saved !== undefined) {
    Object.assign(settings, saved.settings);
    merchants.restore(saved.merchants);
    snapOrders.restore(saved.snapOrders);
    idempotency.restore(saved.idempotency);
    notifier.resume(saved.deliveries);
    payments.resume(saved.transactions);
  }

  return {
    merchants,
    transactions,
    snapOrders,
    idempotency,
    faults,
    log,
    settings,
    clock,
    notifier,
    payments,
    changed,
    /** As if it had just been installed. */
    reset(): void {
      for (const part of [merchants, transactions, snapOrders, idempotency, faults, log]) part.clear();
      Object.assign(settings, defaultSettings());
      clock.reset();
      changed();
    },
    async close(): Promise<void> {
      clock.stop();
      notifier.close();
      await file?.close();
    },
  };
}

/** An unreadable file is set aside, said aloud, and never overwritten. */
function loadOrSetAside(file: StateFile<SavedState>): SavedState | undefined {
  try {
    return file.load(1);
  } catch (error) {
    if (!(error instanceof UnreadableState)) throw error;
    const aside = file.setAside();
    console.error(`The Midtrans simulator could not read its state; it starts empty and keeps the file as ${aside}.`);
    return undefined;
  }
}
