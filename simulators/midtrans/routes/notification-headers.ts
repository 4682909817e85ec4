import type { FastifyRequest } from 'fastify';
import type { NotificationUrls } from '../domain/transaction.ts';

const maxUrls = 3;

/** Up to three URLs, comma separated; what is no http(s) address, or one too many, is left out. */
function readUrls(header: string | string[] | undefined): readonly string[] {
  const urls = String(header ?? '')
    .split(',')
    .map((url) => url.trim());
  return urls.filter((url) => URL.canParse(url) && /^https?:/i.test(url)).slice(0, maxUrls);
}

export const readNotificationUrls = (headers: FastifyRequest['headers']): NotificationUrls => ({
  override: readUrls(headers['x-override-notification']),
  append: readUrls(headers['x-append-notification']),
});
