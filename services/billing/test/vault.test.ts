import { openVaultHouse, VAULTS, type VaultHouse } from '@tenantry/databases/secrets/test/vault-house.ts';
import type { VaultSettings } from '@tenantry/databases/secrets/vault/settings.ts';
import { rotateKeys } from '@tenantry/deploy/rotate-keys/rotate-keys.ts';
import type { InvoiceId } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { readInvoicePdf } from '../contract/invoices.ts';
import { codeOf, type House, type Household, openHouse } from './billing-house.ts';
import { linesOf, readPdf } from './read-pdf.ts';

describe.each(VAULTS)('Billing with its keyring in $name', ({ isReal }) => {
  let vault: VaultHouse;
  let settings: VaultSettings;
  let house: House;
  beforeAll(async () => {
    vault = await openVaultHouse(isReal);
    settings = await vault.byRole();
    const { auth } = settings;
    if (auth.kind !== 'approle') throw new Error('This test signs in by role.');
    house = await openHouse(['users', 'billing'], {
      SECRETS_ENGINE: 'vault',
      VAULT_ADDR: settings.address,
      VAULT_NAMESPACE: settings.namespace,
      VAULT_CACERT: settings.caFile,
      VAULT_KV_MOUNT: settings.kvMount,
      VAULT_TRANSIT_MOUNT: settings.transitMount,
      VAULT_ROLE_ID: auth.roleId,
      VAULT_SECRET_ID: auth.secretId,
    });
  });
  afterAll(async () => {
    await house.close();
    await vault.close();
  });

  const pdfOf = async (home: Household, invoiceId: InvoiceId): Promise<string> => {
    const answer = await house.world.call(readInvoicePdf, { params: { invoiceId } }, home.staff);
    expect(answer.status).toBe(200);
    return linesOf(readPdf(answer.body as unknown as Buffer).pages[0] ?? []).join('\n');
  };
  const wrapped = async (): Promise<readonly string[]> => {
    const rows = await house.world.sql<{ wrapped: Buffer }>(
      'select wrapped from billing.data_keys where owner_id = tenant_id',
    );
    return rows.map((row) => row.wrapped.toString('latin1'));
  };
  const rotate = (command: 'rotate' | 'retire', now = Temporal.Now.instant()): Promise<readonly string[]> => {
    const lines: string[] = [];
    const { databaseUrl: adminUrl, masterKey, dataDir } = house.world;
    const say = (line: string): void => void lines.push(line);
    return rotateKeys(command, { adminUrl, masterKey, dataDir, vault: settings, now: () => now, say }).then(
      () => lines,
    );
  };

  it('keeps who bought under keys that Vault wrapped, while they are rotated and after', async () => {
    const home = await house.household();
    const { id } = await house.open(home);
    const [before = ''] = await wrapped();
    expect(before).toMatch(/^vault:v1:/);
    const lines = await rotate('rotate');
    expect(lines).toEqual([
      'Began generation 2.',
      'Wrapped 1 data keys of billing anew.',
      'There are generations 1, 2.',
    ]);
    expect(await wrapped()).toEqual([expect.stringMatching(/^vault:v2:/)]);
    expect(await pdfOf(home, id)).toContain('Budi');
    expect(await rotate('retire', Temporal.Now.instant().add({ hours: 2 }))).toContain('Retired generation 1.');
    expect(await pdfOf(home, (await house.open(home)).id)).toContain('Budi');
  });

  it('goes on with what it knew while Vault is sealed, says so, and refuses the rest for a while', async () => {
    const [home, stranger] = [await house.household(), await house.household()];
    const { id } = await house.open(home);
    await pdfOf(home, id);
    const draft = await house.draft(stranger);
    const ready = () => house.world.readiness('billing');
    await eventually(async () => expect((await ready()).stateOf('secrets')).toBe('up'));
    await vault.seal();
    try {
      await eventually(async () => expect((await ready()).stateOf('secrets')).toBe('down'));
      expect(await ready()).toMatchObject({ httpStatus: 200, status: 'degraded' });
      expect((await ready()).degradedModes.join()).toContain('15 minutes');
      expect(await pdfOf(home, id)).toContain('Budi');
      const refused = await house.finalize(stranger, draft.id);
      expect([refused.status, codeOf(refused), refused.headers.has('retry-after')]).toEqual([
        503,
        'upstream-unavailable',
        true,
      ]);
    } finally {
      await vault.unseal();
    }
    await eventually(async () => expect((await house.finalize(stranger, draft.id)).status).toBe(200));
    await eventually(async () => expect((await ready()).stateOf('secrets')).toBe('up'));
  });
});
