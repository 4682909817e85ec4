import type { StoredMsg } from '@nats-io/jetstream';
import type { StreamFacts } from './gap-filler.ts';
import type { Nats } from './nats.ts';
import { bucketName } from './subjects.ts';

/** One change in a bucket, however it was come by. */
export type BucketEntry = {
  readonly key: string;
  readonly operation: 'PUT' | 'DEL' | 'PURGE';
  readonly revision: number;
  readonly created: Date;
  readonly json: () => unknown;
};

/** The stream underneath a KV bucket (NATS ADR-8: `KV_<bucket>`, subjects `$KV.<bucket>.<key>`), for asking instead of listening. */
export class BucketStream {
  readonly #nats: Nats;
  readonly #stream: string;
  readonly #prefix: string;

  constructor(nats: Nats, bucket: string) {
    const name = bucketName(nats.namespace, bucket);
    this.#nats = nats;
    this.#stream = `KV_${name}`;
    this.#prefix = `$KV.${name}.`;
  }

  async facts(): Promise<StreamFacts> {
    const { state } = await this.#nats.manager.streams.info(this.#stream);
    return { firstRevision: state.first_seq, lastRevision: state.last_seq };
  }

  /** Also of removed keys, as long as the mark of their removal is kept. */
  async keys(): Promise<readonly string[]> {
    const { state } = await this.#nats.manager.streams.info(this.#stream, { subjects_filter: `${this.#prefix}>` });
    return Object.keys(state.subjects ?? {}).map((subject) => subject.slice(this.#prefix.length));
  }

  /** Null when it has been superseded. */
  async entryAt(revision: number): Promise<BucketEntry | null> {
    return this.#toEntry(await this.#nats.manager.streams.getMessage(this.#stream, { seq: revision }));
  }

  async latestOf(key: string): Promise<BucketEntry | null> {
    const subject = `${this.#prefix}${key}`;
    return this.#toEntry(await this.#nats.manager.streams.getMessage(this.#stream, { last_by_subj: subject }));
  }

  #toEntry(message: StoredMsg | null): BucketEntry | null {
    if (message === null) return null;
    const operation = message.header?.get('KV-Operation');
    return {
      key: message.subject.slice(this.#prefix.length),
      operation: operation === 'DEL' || operation === 'PURGE' ? operation : 'PUT',
      revision: message.seq,
      created: message.time,
      json: () => message.json(),
    };
  }
}
