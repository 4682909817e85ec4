import { runWithContext } from '@tenantry/kernel/call-context.ts';
import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import { LineGatherer } from './line-gatherer.ts';
import { createLogger, GatheredOutput, withoutRedaction } from './logger.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

/** What a logger writes to standard output while `work` runs. */
function linesOf(work: (logger: ReturnType<typeof createLogger>) => void): Record<string, unknown>[] {
  const written: string[] = [];
  const logger = createLogger({ service: 'billing', instanceId: 'billing-1', level: 'info' });
  const stream = logger[pino.symbols.streamSym as unknown as keyof typeof logger] as unknown as {
    write(line: string): void;
  };
  const spy = vi.spyOn(stream, 'write').mockImplementation((line) => void written.push(line));
  try {
    work(logger);
  } finally {
    spy.mockRestore();
  }
  return written.map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('A line of the log', () => {
  it('says which instance wrote it, when, and in which trace', () => {
    const context = { traceparent: `00-${TRACE}-00f067aa0ba902b7-01`, deadlineMs: Number.POSITIVE_INFINITY };
    const [line] = linesOf((logger) => runWithContext(context, () => logger.info({ invoiceId: 'inv_1' }, 'paid')));
    expect(line).toMatchObject({
      level: 'info',
      service: 'billing',
      instance: 'billing-1',
      traceId: TRACE,
      invoiceId: 'inv_1',
      msg: 'paid',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    });
  });

  it('never has what can be used to act as somebody', () => {
    const secrets = {
      password: 'hunter2',
      accessToken: 'hunter2',
      headers: { authorization: 'hunter2', 'tenantry-passport': 'hunter2' },
    };
    const lines = linesOf((logger) =>
      logger.info({ ...secrets, user: { refreshToken: 'hunter2', secret: 'hunter2' } }, 'x'),
    );
    expect(JSON.stringify(lines)).not.toContain('hunter2');
  });

  it('says of an error where it came from, and not what the database quotes of the row', () => {
    const cause = Object.assign(new Error('duplicate key'), {
      code: '23505',
      detail: 'Key (email)=(budi@example.com) exists.',
    });
    const [line] = linesOf((logger) => logger.error({ err: new Error('not saved', { cause }) }, 'failed'));
    expect(line?.err).toMatchObject({
      type: 'Error',
      message: 'not saved',
      stack: expect.stringContaining('logger.test.ts'),
      cause: { message: 'duplicate key', code: '23505' },
    });
    expect(JSON.stringify(line)).not.toContain('budi');
  });
});

describe('Lines that are gathered', () => {
  it('leave with the first warning, in order, and wait again after it', () => {
    const written: string[] = [];
    const lines = new LineGatherer((text) => written.push(text));
    const output = new GatheredOutput(lines);
    const logger = createLogger({ service: 'billing', instanceId: 'billing-1', level: 'info', output });
    logger.info('first');
    expect(written).toEqual([]);
    logger.warn('second');
    expect(written.join('').match(/"msg":"\w+"/g)).toEqual(['"msg":"first"', '"msg":"second"']);
    logger.info('third');
    output.write('{"msg":"fourth"}\n');
    expect(written.join('')).not.toMatch(/third|fourth/);
    lines.flush();
  });
});

describe('A logger of lines without secrets', () => {
  it('writes them in the form of all others', () => {
    const written: string[] = [];
    const output = { write: (line: string) => void written.push(line) };
    const logger = createLogger({ service: 'billing', instanceId: 'billing-1', level: 'info', output });
    logger.info({ status: 200 }, 'request');
    withoutRedaction(logger).info({ status: 200 }, 'request');
    const [one, other] = written.map((line) => ({ ...(JSON.parse(line) as object), time: '', traceId: '' }));
    expect(other).toEqual(one);
  });

  it('leaves the other one as careful as it was', () => {
    const written: string[] = [];
    const output = { write: (line: string) => void written.push(line) };
    const logger = createLogger({ service: 'billing', instanceId: 'billing-1', level: 'info', output });
    withoutRedaction(logger).info({ status: 200 }, 'request');
    logger.info({ password: 'hunter2' }, 'x');
    expect(written.join('')).not.toContain('hunter2');
  });
});
