import { describe, expect, it } from 'vitest';
import { serverEnvironment } from './server-environment.ts';

describe('The environment of a server', () => {
  const ours = {
    PATH: '/bin',
    LC_ALL: 'C',
    TENANTRY_MASTER_KEY: 'hush',
    VAULT_SECRET_ID: 'hush',
    NODE_OPTIONS: '--inspect',
  };

  it('has none of our own settings, and where programs are', () => {
    expect(serverEnvironment(ours, ours)).toEqual({ PATH: '/bin', LC_ALL: 'C' });
  });

  it('has what it is given, whatever it is called', () => {
    const given = { ...ours, LD_LIBRARY_PATH: '/lib', PORT: '9', NODE_OPTIONS: '' };
    expect(serverEnvironment(given, ours)).toEqual({
      ...{ PATH: '/bin', LC_ALL: 'C' },
      ...{ LD_LIBRARY_PATH: '/lib', PORT: '9', NODE_OPTIONS: '' },
    });
  });
});
