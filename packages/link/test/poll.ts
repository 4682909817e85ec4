import { expect } from 'vitest';

/** Until it is so; a second, which is the default, is little for a busy machine. */
export const poll = (read: () => unknown) => expect.poll(read, { timeout: 10_000, interval: 5 });
