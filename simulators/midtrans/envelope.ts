import { randomUUID } from 'node:crypto';
import type { JsonObject } from './domain/json.ts';

/** What a merchant gets: the HTTP status is 200 for business errors too; the truth is in the body's `status_code`. */
export type Answer = { readonly httpStatus: number; readonly body: JsonObject };

export const answer = (body: JsonObject, httpStatus = 200): Answer => ({ httpStatus, body });

const messages = {
  '401': 'Transaction cannot be authorized with the current client/server key.',
  '402': 'Payment channel is not activated.',
  '403': 'The requested resource is not capable of generating content in the format specified in the request headers.',
  '404': "Transaction doesn't exist.",
  '406':
    'The request could not be completed due to a conflict with the current state of the target resource, please try again',
  '412': 'Merchant cannot modify the status of the transaction',
  '413': 'The request cannot be processed due to syntax error in the request body.',
  '414': 'Refund request is rejected due to invalid amount',
  '429': 'API rate limit exceeded. Please try again later.',
} as const;

export type ErrorCode = keyof typeof messages;

/** Only a wrong key and the rate limit show in the HTTP status. */
const realHttpStatuses: ReadonlySet<string> = new Set(['401', '429']);

export function errorAnswer(statusCode: ErrorCode, statusMessage: string = messages[statusCode]): Answer {
  const httpStatus = realHttpStatuses.has(statusCode) ? Number(statusCode) : 200;
  return answer({ status_code: statusCode, status_message: statusMessage, id: randomUUID() }, httpStatus);
}

export const invalidAnswer = (validationMessages: readonly string[]): Answer =>
  answer({
    status_code: '400',
    status_message: 'One or more parameters in the payload is invalid.',
    validation_messages: validationMessages,
    id: randomUUID(),
  });

/** Snap has no `status_code`: a real HTTP status and a list of messages. */
export const snapErrorAnswer = (httpStatus: number, errorMessages: readonly string[]): Answer =>
  answer({ error_messages: errorMessages }, httpStatus);

const snapMessages: { readonly [statusCode: string]: readonly string[] } = {
  '401': [
    'Access denied due to unauthorized transaction, please check client or server key',
    'Visit https://snap-docs.midtrans.com/#request-headers for more details',
  ],
};

/** The same refusal in Snap's words: real HTTP statuses, and malformed JSON is an ordinary 400 there. */
export function toSnapAnswer(core: Answer): Answer {
  const statusCode = String(core.body['status_code']);
  const isHttpStatus = /^[2-5]\d\d$/.test(statusCode);
  const httpStatus = statusCode === '413' ? 400 : isHttpStatus ? Number(statusCode) : 500;
  return snapErrorAnswer(httpStatus, snapMessages[statusCode] ?? [String(core.body['status_message'])]);
}
