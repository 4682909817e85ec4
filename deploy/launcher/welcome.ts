import { join } from 'node:path';
import type { Settings } from './settings.ts';

/** What to do first, ready to be copied. */
export function welcome(settings: Settings, operatorPassword: string): string[] {
  const login = JSON.stringify({ tenant: 'platform', email: 'operator@tenantry.local', password: operatorPassword });
  const fromEnvironment = settings.operatorPassword !== undefined;
  return [
    `  API        ${settings.publicUrl}/docs`,
    '  operator   tenant platform, e-mail operator@tenantry.local',
    `  password   ${fromEnvironment ? 'as given in TENANTRY_OPERATOR_PASSWORD' : operatorPassword}`,
    `  data       ${settings.dataDir}`,
    `  logs       ${join(settings.dataDir, 'logs')}`,
    '',
    '  Sign in:',
    `  curl -s ${settings.publicUrl}/v1/auth/login -H 'content-type: application/json' -d ${shellWord(fromEnvironment ? login.replace(JSON.stringify(operatorPassword), '"…"') : login)}`,
    '',
    '  Ctrl-C stops everything.',
    '',
  ];
}

function shellWord(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
