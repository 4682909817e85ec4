import { badRequest, conflict, tooManyRequests } from '../bot-api/errors.ts';
import { checkWebhookUrl } from '../webhook/check-webhook-url.ts';
import type { Bot, Webhook } from '../world/bot.ts';
import { changeAllowedUpdates } from './get-updates.ts';
import type { Method, MethodCall, MethodResult } from './method.ts';

const LONGEST_SECRET = 256;
/** While one setWebhook looks up its host another may come; the last one wins. */
const latestAttempts = new WeakMap<Bot, symbol>();

export const setWebhook: Method = async (call) => {
  const { simulator, bot, parameters } = call;
  const url = parameters.text('url');
  if (url === '') return removeWebhook(call);
  const secretToken = readSecretToken(call);
  const maxConnections = parameters.integer('max_connections', 40, 1, 100);
  const certificate = parameters.file('certificate')?.bytes.toString('utf8') ?? null;
  const previous = bot.webhook;
  const isUnchanged =
    previous !== null &&
    previous.url === url &&
    previous.secretToken === secretToken &&
    previous.certificate === certificate &&
    (parameters.text('ip_address') === '' || parameters.text('ip_address') === previous.ipAddress);
  if (isUnchanged && previous.maxConnections === maxConnections && !parameters.boolean('drop_pending_updates')) {
    changeAllowedUpdates(bot, parameters);
    return { result: true, description: 'Webhook is already set' };
  }
  const waitSeconds = simulator.flood.admitSetWebhook(bot.id, simulator.settings, simulator.clock.nowMs());
  if (waitSeconds > 0) throw tooManyRequests(waitSeconds);
  const attempt = Symbol('setWebhook');
  latestAttempts.set(bot, attempt);
  const ipAddress = await checkWebhookUrl(url, simulator.settings.webhookRules, parameters.text('ip_address'));
  if (latestAttempts.get(bot) !== attempt) throw conflict('terminated by other setWebhook');
  changeAllowedUpdates(bot, parameters);
  simulator.polls.endBySetWebhook(bot.id);
  replaceWebhook(call, {
    url,
    ipAddress,
    maxConnections,
    secretToken,
    certificate,
    lastErrorAtMs: null,
    lastErrorMessage: null,
    goneSinceMs: null,
  });
  return { result: true, description: 'Webhook was set' };
};

export const deleteWebhook: Method = (call) => removeWebhook(call);

export const getWebhookInfo: Method = ({ simulator, bot }) => {
  const { webhook } = bot;
  const result = {
    url: webhook?.url ?? '',
    has_custom_certificate: webhook !== null && webhook.certificate !== null,
    pending_update_count: simulator.queues.pending(bot).length,
    ip_address: webhook?.ipAddress,
    last_error_date: webhook?.lastErrorAtMs == null ? undefined : Math.floor(webhook.lastErrorAtMs / 1000),
    last_error_message: webhook?.lastErrorMessage ?? undefined,
    max_connections: webhook?.maxConnections,
    allowed_updates: bot.allowedUpdates ?? undefined,
  };
  return { result };
};

function removeWebhook(call: MethodCall): MethodResult {
  const wasSet = call.bot.webhook !== null;
  replaceWebhook(call, null);
  return { result: true, description: wasSet ? 'Webhook was deleted' : 'Webhook is already deleted' };
}

function replaceWebhook({ simulator, bot, parameters }: MethodCall, webhook: Webhook | null): void {
  if (parameters.boolean('drop_pending_updates')) simulator.queues.dropAll(bot);
  if (bot.webhook !== null) simulator.deliverer.forget(bot.webhook);
  bot.webhook = webhook;
  simulator.deliverer.poke(bot);
}

function readSecretToken({ parameters }: MethodCall): string | null {
  const secret = parameters.text('secret_token');
  if (secret === '') return null;
  if (secret.length > LONGEST_SECRET) throw badRequest('secret token is too long');
  if (!/^[A-Za-z0-9_-]+$/.test(secret)) throw badRequest('secret token contains unallowed characters');
  return secret;
}
