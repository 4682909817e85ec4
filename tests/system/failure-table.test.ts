import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { expectAnswer } from '@tenantry/deploy/demo/api.ts';
import { type Customer, createMainJob, type MainJob, newBotToken } from '@tenantry/deploy/demo/main-job.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type LaunchedSystem, launchSystem, SYSTEM_OPERATOR_PASSWORD } from '../support/launched-system.ts';
import { openSteadyLoad } from '../support/steady-load.ts';
import { openUseLoad, type UseAnswer } from '../support/use-load.ts';

/** Longer than a lease in the registry (6 s), and than a statement may take. */
const FROZEN_MS = 8_000;
const USES_BEFORE = 10;
const USES_AFTER = 20;

let system: LaunchedSystem;
let job: MainJob;
let customer: Customer;
/** Counted in all stories so far: by PostgreSQL at once, by ClickHouse in the end. */
let counted = 0;

beforeAll(async () => {
  system = await launchSystem();
  job = createMainJob(system.addresses);
  const operator = await job.loginOperator(SYSTEM_OPERATOR_PASSWORD);
  const tenant = await job.createTenant(operator.token, 'acme');
  await job.registerBot(tenant, newBotToken());
  const email = 'budi@example.com';
  customer = await job.verify(tenant, email, await job.register(tenant, email));
  await job.linkTelegram(customer, 7_001);
  const order = await job.subscribe(customer, await job.findPlan(customer.token, 'enterprise'));
  await job.pay(order);
  await job.awaitOutcome(customer, order, 60_000);
});
afterAll(() => system.destroy());

/** Of PostgreSQL its sessions too, which are processes of their own. */
function pidsOf(name: string): number[] {
  const pid = system.pidOf(name);
  if (name !== 'PostgreSQL') return [pid];
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return [pid, ...children.split(' ').map(Number)];
}

const kill = (name: string): Promise<void> => system.kill(name);
/** Worse than being gone: connections stand, and nothing is refused. */
async function freeze(name: string): Promise<void> {
  const pids = pidsOf(name);
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  try {
    await pause(FROZEN_MS);
  } finally {
    for (const pid of pids) process.kill(pid, 'SIGCONT');
  }
}

/**
 * While a customer uses up a quota and asks how the services are, something dies. All is well again by itself, and of the
 * uses none was lost and none counted twice, however often each had to be repeated.
 */
async function whileInUse(befalls: () => Promise<void>) {
  await system.wholeAgain(customer.token);
  const { gateway } = system.addresses;
  const uses = openUseLoad({ gateway, token: customer.token, perSecond: 10 });
  const asking = openSteadyLoad({ url: `${gateway}/v1/health`, token: customer.token, perSecond: 20 });
  await eventually(() => expect(uses.counted()).toBeGreaterThan(USES_BEFORE));
  await befalls();
  await system.wholeAgain(customer.token);
  const before = uses.counted();
  await eventually(() => expect(uses.counted()).toBeGreaterThan(before + USES_AFTER));
  const [answers, unanswered] = await Promise.all([uses.end(), asking.end()]);
  counted += uses.counted();
  const { usage } = await expectAnswer<{ usage: { feature: string; used: number }[] }>(
    200,
    `${gateway}/v1/entitlements`,
    'GET',
    { token: customer.token },
  );
  expect(usage.find(({ feature }) => feature === 'api-calls')?.used).toBe(counted);
  return { answers, unanswered };
}

/** An honest "not now"; 409 to who repeats what is still under way. */
const isHonest = ({ status, retryAfter }: UseAnswer): boolean =>
  (status === 503 && Number(retryAfter) > 0) || status === 409;
/** What hangs is waited for as long as its route allows. */
const isHonestOrLate = (answer: UseAnswer): boolean => isHonest(answer) || answer.status === 504;
const dishonest = (answers: readonly UseAnswer[], honest: (answer: UseAnswer) => boolean) =>
  answers.filter((answer) => !honest(answer));

describe('While a quota is being used', () => {
  it.each(['ClickHouse', 'NATS', 'Redis', 'hub', 'users', 'payments', 'billing', 'notifications'])(
    '%s is killed: no use fails',
    async (name) => {
      const { answers, unanswered } = await whileInUse(() => kill(name));
      expect(answers).toEqual([]);
      expect(unanswered).toEqual([]);
    },
  );

  it('ClickHouse hangs: no use fails', async () => {
    const { answers, unanswered } = await whileInUse(() => freeze('ClickHouse'));
    expect(answers).toEqual([]);
    expect(unanswered).toEqual([]);
  });

  it.each(['PostgreSQL', 'subscriptions'])(
    '%s is killed: uses wait or are told to come back; the gateway answers',
    async (name) => {
      const { answers, unanswered } = await whileInUse(() => kill(name));
      expect(dishonest(answers, isHonest)).toEqual([]);
      expect(unanswered).toEqual([]);
    },
  );

  it.runIf(process.platform === 'linux').each(['PostgreSQL', 'subscriptions'])(
    '%s hangs: uses wait or are told to come back; the gateway answers',
    async (name) => {
      const { answers, unanswered } = await whileInUse(() => freeze(name));
      expect(dishonest(answers, isHonestOrLate)).toEqual([]);
      expect(unanswered).toEqual([]);
    },
  );

  it('the gateway is killed: what it had under way is lost to its callers, and to nobody else', async () => {
    const { answers } = await whileInUse(() => kill('gateway'));
    expect(dishonest(answers, (answer) => isHonest(answer) || answer.status === 0)).toEqual([]);
  });

  it('in the end analytics, which hear of it by events, have counted each use once', async () => {
    await eventually(async () => {
      const { data } = await expectAnswer<{ data: { feature: string; amount: number }[] }>(
        200,
        `${system.addresses.gateway}/v1/usage?feature=api-calls`,
        'GET',
        { token: customer.token },
      );
      expect(data.reduce((sum, { amount }) => sum + amount, 0)).toBe(counted);
    }, 90_000);
  });
});
