import { describe, expect, it } from 'vitest';
import { CommittedWork, workIn } from './committed-work.ts';

describe('A statement', () => {
  it.each([
    ['insert into "outbox" ("id") values ($1)', ['outbox']],
    ['insert into due (tenant_id) values ($1) on conflict do nothing', ['due']],
    ['with a as (insert into outbox values (1)) INSERT  INTO\n due values (2)', ['outbox', 'due']],
    ['insert into "outbox_archive" values (1)', []],
    ['insert into overdue values (1)', []],
    ['select * from outbox', []],
    ['update "due" set claimed_until = null', []],
  ])('%s has work for %j', (text, tables) => expect(workIn(text)).toEqual(tables));
});

describe('Committed work', () => {
  it('is told to those who listen for its table, until they stop', () => {
    const committed = new CommittedWork();
    const heard: string[] = [];
    const stop = committed.on('outbox', () => heard.push('outbox'));
    committed.on('due', () => heard.push('due'));
    committed.tell(['outbox']);
    committed.tell(['outbox', 'due']);
    stop();
    committed.tell(['outbox']);
    expect(heard).toEqual(['outbox', 'outbox', 'due']);
  });
});
