import { startChild } from '../child.ts';
import { freePort } from '../free-port.ts';

/** Stands in for a launcher: starts one server, prints its pid, and waits to be killed. */
const [leashKind = '', logFile = '', server = ''] = process.argv.slice(2);
const port = await freePort();
const child = await startChild({
  name: 'The server',
  command: process.execPath,
  args: ['-e', server, String(port)],
  logFile,
  stopSignal: 'SIGTERM',
  isReady: async () =>
    fetch(`http://127.0.0.1:${port}`).then(
      (answer) => answer.ok,
      () => false,
    ),
  useParentDeathSignal: leashKind === 'signal',
});
console.log(child.pid);
