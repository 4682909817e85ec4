export type ResponseParameters = { readonly retry_after?: number; readonly migrate_to_chat_id?: number };

/** What the Bot API answers with `ok: false`; the HTTP status equals the code. */
export class BotApiError extends Error {
  readonly errorCode: number;
  readonly parameters: ResponseParameters | undefined;

  constructor(errorCode: number, description: string, parameters?: ResponseParameters) {
    super(description);
    this.errorCode = errorCode;
    this.parameters = parameters;
  }
}

export const badRequest = (reason: string): BotApiError => new BotApiError(400, `Bad Request: ${reason}`);
export const forbidden = (reason: string): BotApiError => new BotApiError(403, `Forbidden: ${reason}`);
export const conflict = (reason: string): BotApiError => new BotApiError(409, `Conflict: ${reason}`);
export const unauthorized = (): BotApiError => new BotApiError(401, 'Unauthorized');
export const tooManyRequests = (retryAfterSeconds: number): BotApiError =>
  new BotApiError(429, `Too Many Requests: retry after ${retryAfterSeconds}`, { retry_after: retryAfterSeconds });
export const migratedTo = (chatId: number): BotApiError =>
  new BotApiError(400, 'Bad Request: group chat was upgraded to a supergroup chat', { migrate_to_chat_id: chatId });
