import { isPortFree } from '@tenantry/deploy/embedded/free-port.ts';

/** Below those that Linux gives to outgoing connections and to whoever listens on any port (ip_local_port_range). */
const [FIRST, LAST] = [10_240, 32_767];
/** Tests run in several processes at once: each begins somewhere else. */
const PER_PROCESS = 64;
let asked = 0;

/**
 * A port of 127.0.0.1 for what must be known before it is listened on, or is closed and opened again: nobody gets it by
 * chance in between.
 */
export async function steadyPort(): Promise<number> {
  for (;;) {
    const port = FIRST + ((process.pid * PER_PROCESS + asked++) % (LAST - FIRST + 1));
    if (await isPortFree(port)) return port;
  }
}
