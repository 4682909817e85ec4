import type { InstanceRecord } from '@tenantry/mesh/registry.ts';
import { describe, expect, it } from 'vitest';
import { watchExpectedServices } from './expected-services.ts';

const instance = (service: string, status: InstanceRecord['status'] = 'up') =>
  ({ service, status, instanceId: `${service}-1` }) as InstanceRecord;

describe('The services that are expected', () => {
  it('are those required, those there, and those that vanished without a word', () => {
    let records: InstanceRecord[] = [instance('gateway'), instance('leaving'), instance('dying')];
    const listeners: (() => void)[] = [];
    const expected = watchExpectedServices(
      { all: () => records, onChange: (listener) => void listeners.push(listener) },
      ['users'],
    );
    const change = (next: InstanceRecord[]) => {
      records = next;
      for (const listener of listeners) listener();
    };
    expect(expected()).toEqual(['dying', 'leaving', 'users']);
    change([instance('leaving', 'draining'), instance('dying')]);
    expect(expected()).toEqual(['dying', 'leaving', 'users']);
    change([]);
    expect(expected()).toEqual(['dying', 'users']);
    change([instance('leaving'), instance('users')]);
    change([instance('leaving', 'draining'), instance('users', 'draining')]);
    change([]);
    // Required ones are missed even when they left in order.
    expect(expected()).toEqual(['dying', 'users']);
  });
});
