import { describe, expect, it } from 'vitest';
import { checkLock } from './lock.ts';

describe('The lock file', () => {
  it('is fine when every optional package is there, beside its dependent or further out', () => {
    const packages = {
      '': {},
      'node_modules/tool': { optionalDependencies: { 'tool-linux': '1', 'tool-darwin': '1' } },
      'node_modules/tool-linux': {},
      'node_modules/tool/node_modules/tool-darwin': {},
      'node_modules/ours': { resolved: 'packages/ours', link: true },
    };
    expect(checkLock({ packages })).toEqual([]);
  });

  it('names an optional package that was left out', () => {
    const packages = { '': {}, 'services/x/node_modules/tool': { optionalDependencies: { 'tool-darwin': '1' } } };
    expect(checkLock({ packages })).toEqual([
      'services/x/node_modules/tool may need tool-darwin, which the lock file does not have',
    ]);
  });

  it('names a package that is bound to an address', () => {
    const packages = { '': {}, 'node_modules/a': { resolved: 'http://registry.example/a.tgz' } };
    expect(checkLock({ packages })).toEqual(['node_modules/a names the address it came from']);
  });
});
