import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';

/** Stands in for a service or a simulator: does what the launcher expects of one, and writes down how it was treated. */
const name = process.env['STAND_IN_NAME'] ?? '';
const journal = process.env['STAND_IN_JOURNAL'] ?? '';
const mode = process.env[`STAND_IN_${name.toUpperCase()}`] ?? '';

if (mode === 'refuses-to-start') {
  console.error('config: HUB_URL is not a URL');
  process.exit(78);
}

const server = createServer((request, response) => {
  if (request.url === '/environment') {
    response.end(JSON.stringify({ environment: process.env, flags: process.execArgv, pid: process.pid }));
    return;
  }
  response.end('ok');
});
server.listen(Number(process.env['PORT']), process.env['HOST']);

process.on('SIGTERM', () => {
  appendFileSync(journal, `${name} told to stop\n`);
  if (mode !== 'deaf') process.exit(0);
});
process.on('disconnect', () => process.exit(0));
