import { describe, expect, it } from 'vitest';
import { CloseStack } from './close-stack.ts';

describe('Closing', () => {
  it('goes in reverse order, one after the other', async () => {
    const order: string[] = [];
    const stack = new CloseStack();
    for (const name of ['nats', 'database', 'door'])
      stack.push(async () => {
        order.push(`${name} begins`);
        await Promise.resolve();
        order.push(`${name} ends`);
      });
    await stack.close();
    expect(order).toEqual(['door begins', 'door ends', 'database begins', 'database ends', 'nats begins', 'nats ends']);
  });

  it('happens once, however often it is asked for', async () => {
    let closed = 0;
    const stack = new CloseStack();
    stack.push(async () => closed++);
    await Promise.all([stack.close(), stack.close()]);
    await stack.close();
    expect(closed).toBe(1);
  });

  it('goes on after a step that fails, at once or later, and tells of all of them in the end', async () => {
    const closed: string[] = [];
    const stack = new CloseStack();
    stack.push(async () => closed.push('first'));
    stack.push(() => Promise.reject(new Error('later')));
    stack.push(async () => closed.push('middle'));
    stack.push(() => {
      throw new Error('at once');
    });
    const failure: unknown = await stack.close().catch((error: unknown) => error);
    expect(closed).toEqual(['middle', 'first']);
    expect(failure).toBeInstanceOf(AggregateError);
    expect((failure as AggregateError).errors.map(String)).toEqual(['Error: at once', 'Error: later']);
  });
});
