import { isPortFree } from '../embedded/free-port.ts';
import { StartFailure } from '../embedded/start-failure.ts';
import { portHolder } from './port-holder.ts';

/** All at once and before anything is started: finding out one by one costs a start each. */
export async function checkPorts(ports: Readonly<Record<string, number>>): Promise<void> {
  const busy: string[] = [];
  for (const [name, port] of Object.entries(ports)) {
    if (await isPortFree(port)) continue;
    const holder = portHolder(port);
    busy.push(`${port} (${name}) is held by ${holder ?? 'a program that this user cannot see'}`);
  }
  if (busy.length === 0) return;
  throw new StartFailure(
    `${busy.length === 1 ? 'A port that Tenantry needs is' : 'Ports that Tenantry needs are'} in use: ${busy.join('; ')}. ` +
      'Stop what holds it, or set TENANTRY_PORT_OFFSET (for example 10000) to move all ports.',
  );
}
