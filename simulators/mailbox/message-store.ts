import { randomUUID } from 'node:crypto';
import { sameAddress } from './faults.ts';

export type StoredMessage = {
  readonly id: string;
  /** The recipient of the envelope: a message to two people is in two mailboxes. */
  readonly to: string;
  readonly from: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly receivedAt: string;
  readonly links: readonly string[];
  readonly tokens: readonly string[];
  readonly attachments: readonly { readonly fileName: string; readonly mimeType: string; readonly sizeBytes: number }[];
};

export type MailboxSnapshot = {
  readonly version: 1;
  readonly clockOffsetMs: number;
  readonly messages: readonly StoredMessage[];
};

/** A soak test must not fill the memory; the oldest messages go first. */
const MESSAGES_KEPT = 5000;

export class MessageStore {
  /** Oldest first. */
  #messages: StoredMessage[] = [];

  add(message: Omit<StoredMessage, 'id'>): void {
    this.#messages.push({ id: randomUUID(), ...message });
    if (this.#messages.length > MESSAGES_KEPT) this.#messages.splice(0, this.#messages.length - MESSAGES_KEPT);
  }

  /** Newest first. */
  list(to: string | undefined, limit: number): StoredMessage[] {
    const found: StoredMessage[] = [];
    for (const message of this.#messages.toReversed()) {
      if (found.length >= limit) break;
      if (to === undefined || sameAddress(message.to, to)) found.push(message);
    }
    return found;
  }

  get(id: string): StoredMessage | undefined {
    return this.#messages.find((message) => message.id === id);
  }

  clear(to?: string): void {
    this.#messages = to === undefined ? [] : this.#messages.filter((message) => !sameAddress(message.to, to));
  }

  snapshot(clockOffsetMs: number): MailboxSnapshot {
    return { version: 1, clockOffsetMs, messages: this.#messages };
  }

  restore(snapshot: MailboxSnapshot): void {
    this.#messages = [...snapshot.messages];
  }
}
