import { createHash, createHmac } from 'node:crypto';
import type { Nats } from '@tenantry/events/nats.ts';
import { openRevisedBucket } from '@tenantry/events/revised-bucket.ts';
import { canonicalJson } from '@tenantry/kernel/canonical-json.ts';
import { newUuid } from '@tenantry/kernel/id.ts';
import { idempotencyKeyInFlight, idempotencyKeyReused, validationFailed } from '@tenantry/kernel/problems.ts';
import type { AnswerOnce, OwnAnswer } from './own-endpoint.ts';

const KEPT_MS = 24 * 3_600_000;
/** Longer than any request of ours: after it, whoever began has died. */
const LEASE_MS = 30_000;
const KEY = /^[\x21-\x7e]{1,255}$/;

type Note = {
  readonly fingerprint: string;
  readonly resourceUuid: string;
  readonly begunAtMs: number;
  /** Null while the first request is under way. */
  readonly answer: OwnAnswer | null;
};

const sha256 = (text: string): string => createHash('sha256').update(text).digest('base64url');

/**
 * Idempotency-Key for what the gateway keeps itself, in a bucket whose entries vanish after a day. Whoever repeats after
 * a crash works with the id that the first had drawn, so a thing that was made already is found, not made again.
 * Refusals are not kept: nothing was made, and a repeat may fare better.
 */
export function createAnswerOnce(
  nats: Nats,
  keys: readonly [Buffer, ...Buffer[]],
  nowMs: () => number = Date.now,
): AnswerOnce {
  // What is sent may hold a secret that could be guessed; with a key of ours, no guess can be tried on what is kept.
  const fingerprintOf = (input: unknown, key = keys[0]): string =>
    createHmac('sha256', key).update(canonicalJson(input)).digest('base64url');
  const notes = openRevisedBucket<Note>(nats, { bucket: 'gateway-answers', ttlMs: KEPT_MS });

  return async ({ principal, endpoint, key: requestKey, input }, answer) => {
    if (!KEY.test(requestKey)) {
      const message = 'must be 1 to 255 visible ASCII characters';
      throw validationFailed(`Idempotency-Key ${message}.`, { errors: [{ path: 'header.idempotency-key', message }] });
    }
    const noteKey = `${principal.tenantId}.${sha256(`${principal.id}\n${endpoint}\n${requestKey}`)}`;
    const fingerprint = fingerprintOf(input);
    const begun: Note = { fingerprint, resourceUuid: newUuid(), begunAtMs: nowMs(), answer: null };
    const isFirst = await notes.create(noteKey, begun);
    const found = await notes.get(noteKey);
    if (found === null) throw inFlight();
    let note = found.value;
    let { revision } = found;
    if (!isFirst) {
      if (!keys.some((key) => note.fingerprint === fingerprintOf(input, key)))
        throw idempotencyKeyReused('This Idempotency-Key was sent with another request. Take a new one.');
      if (note.answer !== null) return { answer: note.answer, isReplayed: true };
      if (nowMs() - note.begunAtMs < LEASE_MS) throw inFlight();
      note = { ...note, begunAtMs: nowMs() };
      if (!(await notes.update(noteKey, note, revision))) throw inFlight();
      revision = (await notes.get(noteKey))?.revision ?? revision;
    }
    try {
      const given = await answer(note.resourceUuid);
      await notes.update(noteKey, { ...note, answer: given }, revision);
      return { answer: given, isReplayed: false };
    } catch (error) {
      await notes.remove(noteKey, revision).catch(() => false);
      throw error;
    }
  };
}

const inFlight = () =>
  idempotencyKeyInFlight('A request with this Idempotency-Key is still under way. Wait for it, then repeat.', {
    retryAfterSeconds: 1,
  });
