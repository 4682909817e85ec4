import type { EventEnvelope } from '@tenantry/contract/event.ts';
import { request } from '@tenantry/deploy/demo/api.ts';
import { type MainJob, newBotToken, type Tenant } from '@tenantry/deploy/demo/main-job.ts';
import { newId } from '@tenantry/kernel/id.ts';
import { paymentFailed } from '@tenantry/payments/contract/events.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { openWholeWorld } from '../support/whole-world.ts';
import type { World } from '../support/world.ts';

let world: World;
let job: MainJob;
let operatorToken: string;
let acme: Tenant;
let beta: Tenant;

beforeAll(async () => {
  ({ world, job, operatorToken } = await openWholeWorld());
  acme = await job.createTenant(operatorToken, 'acme');
  beta = await job.createTenant(operatorToken, 'beta');
});
afterAll(() => world.close());

/** The events that a tenant's admin hears from now on. */
async function follow({ adminToken }: Tenant) {
  const leaving = new AbortController();
  const response = await fetch(`${world.gatewayUrl}/v1/events`, {
    headers: { authorization: `Bearer ${adminToken}` },
    signal: leaving.signal,
  });
  expect(response.status).toBe(200);
  const heard: EventEnvelope[] = [];
  const reading = (async () => {
    let text = '';
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const blocks = (text + chunk).split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const data = /^data: (.*)$/m.exec(block)?.[1];
        if (data !== undefined) heard.push(JSON.parse(data) as EventEnvelope);
      }
    }
  })().catch(() => undefined);
  return {
    heard,
    leave: async () => {
      leaving.abort();
      await reading;
    },
  };
}

describe('The feed of a tenant', () => {
  it('tells what comes of the main job, of every service, to that tenant alone', async () => {
    const [own, foreign] = [await follow(acme), await follow(beta)];
    const customer = await job.verify(acme, 'budi@acme.example', await job.register(acme, 'budi@acme.example'));
    await job.registerBot(acme, newBotToken());
    const order = await job.subscribe(customer, await job.findPlan(customer.token, 'pro'));
    await job.pay(order);
    await job.awaitOutcome(customer, order);
    await eventually(() =>
      expect(own.heard.map(({ type }) => type)).toEqual(
        expect.arrayContaining([
          'users.user.registered.v1',
          'users.user.verified.v1',
          'subscriptions.subscription.created.v1',
          'billing.invoice.finalized.v1',
          'payments.payment.settled.v1',
          'billing.invoice.paid.v1',
          'subscriptions.subscription.activated.v1',
        ]),
      ),
    );
    expect(new Set(own.heard.map(({ tenantid }) => tenantid))).toEqual(new Set([acme.id]));
    const invoice = own.heard.filter(({ subject }) => subject === order.invoiceId);
    expect(invoice.map(({ aggregateversion }) => aggregateversion)).toEqual(
      invoice.map(({ aggregateversion }) => aggregateversion).toSorted((one, other) => one - other),
    );
    expect(foreign.heard).toEqual([]);
    await Promise.all([own.leave(), foreign.leave()]);
  });
});

describe('An event that a service gives up on', () => {
  type Letter = { readonly id: string; readonly state: string; readonly redrives: number; readonly cause: string };
  const letters = async (token: string) =>
    (await request<{ data: Letter[] }>(`${world.gatewayUrl}/v1/dead-letters?service=billing`, 'GET', { token })).body
      .data;

  it('is shown to its tenant with its cause, goes through that service again when it is driven, and is forgotten when purged', async () => {
    const told = await world.publish(paymentFailed, beta.id as 'ten_', {
      subject: newId('pay'),
      version: 1,
      data: {
        paymentId: newId('pay'),
        invoiceId: newId('inv'), // which billing does not have
        customerId: newId('usr'),
        amount: { amount: '1000', currency: 'IDR' },
        reason: 'expired',
      },
    });
    const letter = await eventually(async () => {
      const [found] = await letters(beta.adminToken);
      if (found === undefined) throw new Error('No letter yet.');
      return found;
    });
    expect(letter).toMatchObject({ event: { id: told.id, type: paymentFailed.type }, state: 'dead', redrives: 0 });
    expect(letter.cause).toMatch(/^Problem: /);
    expect(await letters(acme.adminToken)).toEqual([]);
    expect((await letters(operatorToken)).map(({ id }) => id)).toEqual([letter.id]);

    const url = `${world.gatewayUrl}/v1/dead-letters/${letter.id}`;
    expect(await request(`${url}/redrive`, 'POST', { token: beta.adminToken })).toMatchObject({
      status: 202,
      body: { state: 'redriving' },
    });
    // Nothing has changed at billing, so it gives up again: the same letter.
    await eventually(async () =>
      expect(await letters(beta.adminToken)).toMatchObject([{ id: letter.id, state: 'dead', redrives: 1 }]),
    );
    expect((await request(url, 'DELETE', { token: beta.adminToken })).status).toBe(204);
    expect(await letters(beta.adminToken)).toEqual([]);
    expect(await letters(operatorToken)).toEqual([]);
  });
});
