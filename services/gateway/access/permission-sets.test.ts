import { describe, expect, it } from 'vitest';
import { PermissionSets } from './permission-sets.ts';

describe('What roles allow', () => {
  it('is one object for the same roles, and another for other roles or the platform’s tenant', () => {
    const sets = new PermissionSets();
    const ours = sets.of(['owner', 'operator'], true);
    expect(sets.of(['owner', 'operator'], true)).toBe(ours);
    const others = [
      sets.of(['owner', 'operator'], false),
      sets.of(['owner'], true),
      sets.of(['owner,operator'], true),
      sets.of(['owner","operator'], true),
      sets.of([], true),
    ];
    for (const other of others) expect(other).not.toBe(ours);
    expect(ours.grants).toContain('*:*@platform');
    expect(others.flatMap(({ grants }) => grants)).not.toContain('*:*@platform');
  });
});
