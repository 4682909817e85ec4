import { readFileSync } from 'node:fs';
import { billingConfiguration } from '@tenantry/billing/config.ts';
import { launcherConfiguration } from '@tenantry/deploy/launcher/settings.ts';
import { gatewayConfiguration } from '@tenantry/gateway/config.ts';
import { hubConfiguration } from '@tenantry/hub/config.ts';
import { notificationsConfiguration } from '@tenantry/notifications/config.ts';
import { paymentsConfiguration } from '@tenantry/payments/config.ts';
import { subscriptionsConfiguration } from '@tenantry/subscriptions/config.ts';
import { usersConfiguration } from '@tenantry/users/config.ts';
import { describe, expect, it } from 'vitest';
import { renderDocument } from './render-document.ts';

const programs = [
  gatewayConfiguration,
  hubConfiguration,
  usersConfiguration,
  subscriptionsConfiguration,
  paymentsConfiguration,
  notificationsConfiguration,
  billingConfiguration,
  launcherConfiguration,
];

describe('docs/configuration.md', () => {
  it('is what the programs read; run this test with -u to write it anew', async () => {
    const introduction = readFileSync(new URL('introduction.md', import.meta.url), 'utf8');
    await expect(renderDocument(programs, introduction)).toMatchFileSnapshot('../../docs/configuration.md');
  });

  it('says of every setting what it means', () => {
    const silent = programs.flatMap(({ program, settings }) =>
      settings.filter(({ description }) => description === '').map(({ name }) => `${program} ${name}`),
    );
    expect(silent).toEqual([]);
  });

  it('marks whatever looks like a secret, so that nothing shows it', () => {
    // Which engine keeps secrets, and where a file lies, is no secret.
    const harmless = new Set(['SECRETS_ENGINE', 'VAULT_TOKEN_FILE']);
    const open = programs.flatMap(({ program, settings }) =>
      settings
        .filter(
          ({ name, secrecy }) =>
            secrecy === 'none' && !harmless.has(name) && /KEY|PASSWORD|SECRET|TOKEN|CREDENTIAL/.test(name),
        )
        .map(({ name }) => `${program} ${name}`),
    );
    expect(open).toEqual([]);
    const stores = programs
      .flatMap(({ settings }) => settings)
      .filter(({ name }) => /^(DATABASE|REDIS|NATS|CLICKHOUSE|SMTP)_URL$/.test(name));
    expect(new Set(stores.map(({ secrecy }) => secrecy))).toEqual(new Set(['credentials']));
  });
});
