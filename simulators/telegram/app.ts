import Fastify, { type FastifyInstance } from 'fastify';
import { SimulatorClock } from '../shared/clock.ts';
import { FaultScript } from '../shared/fault-script.ts';
import { ControlProblem, sendProblem } from '../shared/problem.ts';
import { StateFile } from '../shared/state-file.ts';
import { callMethod } from './bot-api/call-method.ts';
import { readParameters } from './bot-api/read-parameters.ts';
import { botApiRoutes, sendEnvelope } from './bot-api/routes.ts';
import { controlRoutes } from './control/routes.ts';
import { FloodControl } from './flood/flood-control.ts';
import { DEFAULT_SETTINGS, type Settings } from './settings.ts';
import type { Simulator } from './simulator.ts';
import { LongPolls } from './updates/long-polls.ts';
import { UpdateQueues } from './updates/update-queues.ts';
import { WebhookDeliverer, type WebhookReply } from './webhook/deliverer.ts';
import type { Bot } from './world/bot.ts';
import { World } from './world/world.ts';

export type TelegramSimulatorOptions = {
  /** Milliseconds since the epoch at which time stands still; without it time runs. */
  readonly frozenAtMs?: number;
  /** Where the world is kept between runs; without it it is forgotten. */
  readonly snapshotPath?: string;
  readonly settings?: Partial<Settings>;
  /** In [0, 1); decides the cap of the webhook's retry delay. */
  readonly random?: () => number;
};

export type TelegramSimulator = { readonly app: FastifyInstance; readonly simulator: Simulator };

/** While time is advanced, a webhook that does not answer holds up each step no longer than this. */
const LONGEST_STEP_MS = 250;

/** The app is ready to listen or to be injected into; closing it ends polls, deliveries and hung requests, and writes the snapshot. */
export async function createTelegramSimulator(options: TelegramSimulatorOptions = {}): Promise<TelegramSimulator> {
  const { snapshotPath } = options;
  const world = new World();
  const file =
    snapshotPath === undefined ? undefined : new StateFile(snapshotPath, () => world.snapshot(clock.offsetMs));
  const saved = file?.load(1);
  if (saved !== undefined) world.restore(saved);
  const { frozenAtMs } = options;
  const clock = new SimulatorClock({ frozenAtMs, offsetMs: saved?.clockOffsetMs, longestStepMs: LONGEST_STEP_MS });
  const queues = new UpdateQueues(clock);
  const polls = new LongPolls(clock, queues);
  const deliverer: WebhookDeliverer = new WebhookDeliverer({
    clock,
    queues,
    random: options.random ?? Math.random,
    runReply: (bot, reply) => runWebhookReply(simulator, bot, reply),
    onChange: () => file?.touch(),
  });
  const simulator: Simulator = {
    clock,
    world,
    flood: new FloodControl(),
    faults: new FaultScript(),
    queues,
    polls,
    deliverer,
    settings: { ...DEFAULT_SETTINGS, ...options.settings },
  };

  const app = Fastify({
    // Requests that a fault leaves hanging must not keep the simulator from closing.
    forceCloseConnections: true,
    ajv: { customOptions: { removeAdditional: false, coerceTypes: true, allowUnionTypes: true, discriminator: true } },
  });
  app.addHook('onResponse', async (request) => {
    if (request.method !== 'GET' || request.url.startsWith('/bot')) file?.touch();
  });
  app.addHook('preClose', async () => {
    polls.stop();
    queues.stop();
    await deliverer.stop();
  });
  app.addHook('onClose', async () => {
    clock.stop();
    // A hijacked reply has no onResponse, yet its call may have changed something.
    file?.touch();
    await file?.close();
  });
  app.setNotFoundHandler((request, reply) =>
    request.url.startsWith('/simulator')
      ? sendProblem(reply, new ControlProblem(404, 'not-found', 'GET / lists what this simulator does.'))
      : sendEnvelope(reply, { ok: false, error_code: 404, description: 'Not Found' }),
  );
  await app.register(botApiRoutes(simulator));
  await app.register(controlRoutes(simulator));
  for (const bot of world.bots.values()) deliverer.poke(bot);
  return { app, simulator };
}

/** A webhook may answer with one call instead of making it; nobody sees the result. */
async function runWebhookReply(simulator: Simulator, bot: Bot, reply: WebhookReply): Promise<void> {
  if (reply.body.length === 0) return;
  try {
    const parameters = await readParameters('', reply.contentType, reply.body);
    const method = parameters.text('method');
    if (method !== '') await callMethod(simulator, bot, method, parameters, new AbortController().signal);
  } catch {
    // An answer that is no call is only an answer: "ok" in plain text is common.
  }
}
