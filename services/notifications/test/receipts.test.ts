import { newId } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { listNotifications } from '../contract/notifications.ts';
import { openStage, type Stage } from './support/stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage?.close());

describe('The receipt of a paid invoice', () => {
  it('reaches the linked chat of its customer in Indonesian, with number and total', async () => {
    const { tenant, user, chatId } = await stage.link('id');
    await stage.pay(tenant, user.id);
    const [, receipt] = await stage.untilMessages(chatId, 2);
    expect(receipt).toBe('Pembayaran diterima\nFaktur ACME-2026-000001 sebesar Rp 166.500 sudah lunas. Terima kasih!');
  });

  it('reaches an English reader in English', async () => {
    const { tenant, user, chatId } = await stage.link('en');
    await stage.pay(tenant, user.id);
    const [greeting, receipt] = await stage.untilMessages(chatId, 2);
    expect(greeting).toContain('now connected');
    expect(receipt).toBe('Payment received\nInvoice ACME-2026-000001 of Rp 166.500 is paid. Thank you!');
  });

  it('shows what comes from outside as text, never as markup', async () => {
    const { tenant, user, chatId } = await stage.link('en');
    await stage.pay(tenant, user.id, { number: '<b>A&B</b>-1' });
    const [, receipt] = await stage.untilMessages(chatId, 2);
    expect(receipt).toContain('Invoice <b>A&B</b>-1 of');
  });

  it('is sent once although the event comes twice, and once more under another id', async () => {
    const { tenant, user, chatId } = await stage.link();
    const eventId = newId('evt');
    const invoiceId = await stage.pay(tenant, user.id, { eventId });
    await stage.pay(tenant, user.id, { eventId, invoiceId });
    await stage.pay(tenant, user.id, { invoiceId });
    const later = await stage.pay(tenant, user.id, { number: 'ACME-2026-000002' });
    expect(later).not.toBe(invoiceId);
    const texts = await stage.untilMessages(chatId, 3);
    expect(texts.filter((text) => text.includes('ACME-2026-000001'))).toHaveLength(1);
  });

  it('is kept in the history with its text and the moment it went out', async () => {
    const { tenant, user, chatId } = await stage.link();
    await stage.pay(tenant, user.id);
    await stage.untilMessages(chatId, 2);
    const receipt = await eventually(async () => {
      const found = await stage.receipt(user);
      expect(found.status).toBe('sent');
      return found;
    });
    expect(receipt).toMatchObject({ userId: user.id, channel: 'telegram', attempts: 1, failure: null });
    expect(receipt.text).toContain('Rp 166.500');
    expect(receipt.sentAt).not.toBeNull();
  });

  it('is suppressed, with the reason in the history, for somebody without a linked chat', async () => {
    const tenant = await stage.world.addTenant();
    const user = stage.world.principal(tenant.id, ['member']);
    await stage.pay(tenant, user.id);
    await eventually(async () =>
      expect(await stage.receipt(user)).toMatchObject({ status: 'suppressed', failure: 'no-linked-chat', text: null }),
    );
  });

  it('waits while users is away, and is suppressed for somebody whom users does not know', async () => {
    const { tenant, user, chatId } = await stage.link();
    await stage.world.restart('notifications'); // forgets whom it has asked about
    stage.people.leave();
    await stage.pay(tenant, user.id);
    await eventually(async () => expect(await stage.rows(user)).toMatchObject([{ status: 'queued', attempts: 0 }]));
    stage.people.comeBack();
    await stage.untilMessages(chatId, 2);

    const gone = await stage.link();
    await stage.world.restart('notifications');
    stage.people.forget(gone.user.id);
    await stage.pay(gone.tenant, gone.user.id);
    await eventually(async () =>
      expect(await stage.receipt(gone.user)).toMatchObject({ status: 'suppressed', failure: 'recipient-unknown' }),
    );
  });
});

describe('The history of messages', () => {
  it('shows members their own, admins the tenant’s, and nobody another tenant’s', async () => {
    const one = await stage.link();
    const other = await stage.link();
    await stage.pay(one.tenant, one.user.id);
    await stage.untilMessages(one.chatId, 2);
    const colleague = stage.world.principal(one.tenant.id, ['member']);
    const seen = async (principal: typeof colleague) =>
      (await stage.world.call(listNotifications, {}, principal)).body.data.map(({ topic }) => topic);
    expect(await seen(one.user)).toEqual(['receipt', 'link']);
    expect(await seen(one.admin)).toEqual(['receipt', 'link']);
    expect(await seen(colleague)).toEqual([]);
    expect(await seen(other.admin)).toEqual(['link']);
  });

  it('comes in pages, newest first', async () => {
    const { tenant, user, admin, chatId } = await stage.link();
    await stage.pay(tenant, user.id);
    await stage.untilMessages(chatId, 2);
    const first = await stage.world.call(listNotifications, { query: { limit: 1 } }, admin);
    expect(first.body.data.map(({ topic }) => topic)).toEqual(['receipt']);
    const cursor = first.body.nextCursor ?? '';
    const second = await stage.world.call(listNotifications, { query: { limit: 1, cursor } }, admin);
    expect(second.body).toMatchObject({ data: [{ topic: 'link' }], nextCursor: null });
  });
});
