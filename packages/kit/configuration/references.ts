import { readFileSync } from 'node:fs';
import { MASTER_KEY } from '@tenantry/databases/credentials.ts';
import {
  isConfigurationSecretName,
  readConfigurationSecret,
} from '@tenantry/databases/secrets/configuration-secrets.ts';

/** A reference of a good form: it may be shown. What only begins like one may be a secret, and is not. */
type Reference = { readonly kind: 'file' | 'env' | 'secret'; readonly to: string; readonly text: string };

/** What opens `secret:` references; anything but two good texts opens none. */
export type Vault = { readonly dataDir: unknown; readonly masterKey: unknown };

type Resolved = { readonly value: string } | { readonly fault: string };

const PREFIX = /^(file|env|secret):/;
const FORMS = 'file:/absolute/path, env:NAME or secret:name';

/** Null for a value that is meant as it stands; a fault for one that only begins like a reference. */
export function parseReference(text: string): Reference | { readonly fault: string } | null {
  const kind = PREFIX.exec(text)?.[1];
  if (kind === undefined) return null;
  const to = text.slice(kind.length + 1);
  if (kind === 'file' && /^\/\P{C}+$/u.test(to)) return { kind, to, text };
  if (kind === 'env' && /^[A-Za-z_][A-Za-z0-9_]*$/.test(to)) return { kind, to, text };
  if (kind === 'secret' && isConfigurationSecretName(to)) return { kind, to, text };
  return { fault: `begins like a reference and is none; write ${FORMS}` };
}

/** What is found is taken as it stands, never as a reference to something else. Faults name the reference alone. */
export function resolveReference(
  { kind, to, text }: Reference,
  environment: NodeJS.ProcessEnv,
  vault: Vault,
): Resolved {
  const failed = (why: string): Resolved => ({ fault: `refers to ${text}, ${why}` });
  let value: string | null | undefined;
  if (kind === 'env') {
    value = environment[to];
    if (value === undefined) return failed('which is not set');
  } else if (kind === 'file') {
    try {
      // Editors and `echo` end a file with a line break that is no part of the secret.
      value = readFileSync(to, 'utf8').replace(/\r?\n$/, '');
    } catch (error) {
      return failed(`which cannot be read (${codeOf(error)})`);
    }
  } else {
    const { dataDir, masterKey } = vault;
    if (typeof dataDir !== 'string' || typeof masterKey !== 'string' || !new RegExp(MASTER_KEY).test(masterKey)) {
      return failed('which cannot be opened without a valid TENANTRY_MASTER_KEY and TENANTRY_DATA_DIR');
    }
    try {
      value = readConfigurationSecret({ dataDir, masterKey }, to);
    } catch {
      return failed('which is damaged, or was kept under another TENANTRY_MASTER_KEY');
    }
    if (value === null) return failed('which was never kept in TENANTRY_DATA_DIR');
  }
  return value === '' ? failed('which is empty') : { value };
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : 'no reason given';
