/** The provider gave no answer that says what happened: worth another attempt, with the same Idempotency-Key. */
export class Unanswered extends Error {
  override readonly name = 'Unanswered';
}
