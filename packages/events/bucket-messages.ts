import type { StoredMsg } from '@nats-io/jetstream';
import type { Nats } from './nats.ts';

/** How far back, and how far, a bucket's stream goes. */
type StreamFacts = { readonly firstRevision: number; readonly lastRevision: number };

export type BucketMessage = {
  readonly key: string;
  readonly revision: number;
  readonly createdMs: number;
  readonly isRemoval: boolean;
  readonly text: () => string;
};

/** What lies in a bucket (NATS ADR-8: stream `KV_<bucket>`, subjects `$KV.<bucket>.<key>`), asked for instead of listened to. */
export class BucketMessages {
  readonly #nats: Nats;
  readonly #stream: string;
  readonly #prefix: string;

  constructor(nats: Nats, bucket: string) {
    this.#nats = nats;
    this.#stream = `KV_${bucket}`;
    this.#prefix = `$KV.${bucket}.`;
  }

  subjectOf(key: string): string {
    return `${this.#prefix}${key}`;
  }

  async facts(): Promise<StreamFacts> {
    const { state } = await this.#nats.manager.streams.info(this.#stream);
    return { firstRevision: state.first_seq, lastRevision: state.last_seq };
  }

  /** Also of removed keys, as long as the mark of their removal is kept. `pattern` may have `*` for one segment. */
  async keys(pattern = '>'): Promise<readonly string[]> {
    const filter = { subjects_filter: this.subjectOf(pattern) };
    const { state } = await this.#nats.manager.streams.info(this.#stream, filter);
    return Object.keys(state.subjects ?? {}).map((subject) => subject.slice(this.#prefix.length));
  }

  /** Null when it has been superseded. */
  at(revision: number): Promise<BucketMessage | null> {
    return this.#get({ seq: revision });
  }

  latestOf(key: string): Promise<BucketMessage | null> {
    return this.#get({ last_by_subj: this.subjectOf(key) });
  }

  /** False when it is gone already. */
  delete(revision: number): Promise<boolean> {
    return this.#nats.manager.streams.deleteMessage(this.#stream, revision).catch(() => false);
  }

  async #get(query: { seq: number } | { last_by_subj: string }): Promise<BucketMessage | null> {
    const message: StoredMsg | null = await this.#nats.manager.streams.getMessage(this.#stream, query);
    if (message === null) return null;
    const operation = message.header?.get('KV-Operation') ?? '';
    return {
      key: message.subject.slice(this.#prefix.length),
      revision: message.seq,
      createdMs: message.time.getTime(),
      isRemoval: operation !== '',
      text: () => message.string(),
    };
  }
}
