import { setTimeout as sleep } from 'node:timers/promises';
import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import type { KvEntry } from '@nats-io/kv';
import { type BucketMessage, BucketMessages } from './bucket-messages.ts';
import { type BucketReader, BucketTelling } from './bucket-telling.ts';
import type { Nats } from './nats.ts';
import { type BucketSettings, openBucket } from './open-bucket.ts';
import { bucketName } from './subjects.ts';
import { Watermark } from './watermark.ts';

export type WatchSettings = BucketSettings & {
  /** How often the bucket is asked whether everything has been told; once a second unless told. */
  readonly checkEveryMs?: number;
};

const REOPEN_MS = 250;
const CHECK_MS = 1_000;
const CATCH_UP_MS = 300;
const CONFIRM_MS = 300;

/**
 * Keeps a reader's copy of a bucket whole, for as long as it takes: whatever ends a telling, another one begins, as
 * freezing would be worse than asking twice. The reader is told everything in the bucket's order, without a gap.
 */
export class BucketWatch {
  /** What lies in the bucket, for whoever asks it itself. */
  readonly messages: BucketMessages;
  /** Resolves when everything has been taken for the first time. */
  readonly whole: Promise<void>;
  readonly #nats: Nats;
  readonly #settings: WatchSettings;
  readonly #reader: BucketReader;
  readonly #taken = new Watermark();
  readonly #closing = new AbortController();
  readonly #markWhole: () => void;
  #round = new AbortController();
  /** Null while the bucket is being opened (again). */
  #telling: BucketTelling | null = null;
  #hasOpened = false;
  #isChecking = false;
  #completeAtMs = Number.NEGATIVE_INFINITY;

  constructor(nats: Nats, settings: WatchSettings, reader: BucketReader) {
    this.#nats = nats;
    this.#settings = settings;
    this.#reader = reader;
    this.messages = new BucketMessages(nats, bucketName(nats.namespace, settings.bucket));
    const { promise, resolve } = Promise.withResolvers<void>();
    this.whole = promise;
    this.#markWhole = resolve;
    void this.#run();
    void this.#followConnection();
    const checking = setInterval(() => this.#checkSoon(), settings.checkEveryMs ?? CHECK_MS);
    checking.unref();
    this.#closing.signal.addEventListener('abort', () => clearInterval(checking));
  }

  /** Everything up to here has been taken; 0 while a bucket that was opened (again) has not been told as a whole. */
  get revision(): number {
    return this.#taken.revision;
  }

  /** Whether the bucket could be opened at least once. */
  get hasOpened(): boolean {
    return this.#hasOpened;
  }

  /** How long ago everything in the bucket was known to be known; infinite before that was ever so. */
  get silentForMs(): number {
    return performance.now() - this.#completeAtMs;
  }

  /** Waits until this revision is told, and asks where it is not; where that does not help either, all is told again. */
  async catchUp(revision: number): Promise<void> {
    const reached = this.#taken.reached(revision).then(() => true);
    if (await Promise.race([reached, sleep(CATCH_UP_MS, false, { ref: false })])) return;
    const telling = this.#telling;
    await telling?.check().catch(() => {
      if (telling === this.#telling) this.#beginAnew();
    });
  }

  /** Asks the bucket whether everything is known, and waits for 0.3 s at most. @returns whether it was so when it was asked */
  async confirm(): Promise<boolean> {
    const telling = this.#telling;
    if (telling === null || !this.#nats.isConnected()) return false;
    const checked = this.#check(telling).then(
      () => true,
      () => false,
    );
    return Promise.race([checked, sleep(CONFIRM_MS, false, { ref: false })]);
  }

  close(): void {
    this.#closing.abort();
    this.#round.abort();
  }

  #beginAnew(): void {
    this.#round.abort();
  }

  async #run(): Promise<void> {
    const { signal: closing } = this.#closing;
    while (!closing.aborted) {
      const round = new AbortController();
      this.#round = round;
      this.#telling = null;
      const interrupted = new Promise((resolve) => round.signal.addEventListener('abort', resolve));
      await Promise.race([this.#listen(round.signal).catch(() => undefined), interrupted]);
      round.abort();
      await sleep(REOPEN_MS, undefined, { signal: closing, ref: false }).catch(() => undefined);
    }
  }

  async #listen(signal: AbortSignal): Promise<void> {
    const askedAtMs = performance.now();
    const kv = await openBucket(this.#nats, this.#settings);
    // Read before the watch begins: a key more is told as a change, a key less is noticed by what is left to come.
    const { created, state } = (await kv.status()).streamInfo;
    const iterator = await kv.watch();
    if (signal.aborted) return iterator.stop();
    signal.addEventListener('abort', () => iterator.stop());
    const telling = new BucketTelling({
      source: this.messages,
      reader: { ...this.#reader, finish: (bucket) => this.#finish(bucket, askedAtMs) },
      created,
      lastRevision: state.last_seq,
      signal,
      reached: (revision) => this.#taken.advance(revision),
      beginAnew: () => this.#beginAnew(),
    });
    this.#reader.restart();
    this.#taken.reset();
    this.#telling = telling;
    this.#hasOpened = true;
    if (state.messages === 0) await telling.finish();
    for await (const entry of iterator) await telling.tell(toMessage(entry), entry.delta === 0);
  }

  #finish(bucket: Parameters<BucketReader['finish']>[0], askedAtMs: number): void {
    this.#completeAtMs = Math.max(this.#completeAtMs, askedAtMs);
    this.#reader.finish(bucket);
    this.#markWhole();
  }

  /** A failure is made up for by the next check. */
  #checkSoon(): void {
    const telling = this.#telling;
    if (telling === null || this.#isChecking || telling.isTalking()) return;
    this.#isChecking = true;
    this.#check(telling)
      .catch((error: unknown) => {
        // Deleted while its server ran: nothing more would ever be told of it.
        if (isGone(error) && telling === this.#telling) this.#beginAnew();
      })
      .finally(() => {
        this.#isChecking = false;
      });
  }

  async #check(telling: BucketTelling): Promise<void> {
    const askedAtMs = performance.now();
    await telling.check();
    this.#completeAtMs = Math.max(this.#completeAtMs, askedAtMs);
  }

  /** A server that was killed may have lost our ephemeral consumer, and what we asked it: look at everything again. */
  async #followConnection(): Promise<void> {
    await this.#nats.connected;
    for await (const status of this.#nats.connection.status()) {
      if (this.#closing.signal.aborted) return;
      if (status.type === 'reconnect') this.#beginAnew();
    }
  }
}

const isGone = (error: unknown): boolean =>
  error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound;

const toMessage = (entry: KvEntry): BucketMessage => ({
  key: entry.key,
  revision: entry.revision,
  createdMs: entry.created.getTime(),
  isRemoval: entry.operation !== 'PUT',
  text: () => entry.string(),
});
