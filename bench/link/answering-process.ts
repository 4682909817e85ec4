import { once } from 'node:events';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { LinkSocket } from '@tenantry/link/link-socket.ts';
import { serveLink } from '@tenantry/link/serve-link.ts';
import { ANSWER, type Certificates, cpuSeconds, type Ports } from './orders.ts';

/** Answers the same in every way, over every way, in a process of its own. */
const { ca, answerer } = JSON.parse(process.argv[2] ?? '') as Certificates;
const tls = { ...answerer, ca, requestCert: true, minVersion: 'TLSv1.3' } as const;

const overLink = (socket: LinkSocket): void => {
  serveLink(socket, {
    handle: (call) => call.answer(200, ['content-type', 'application/json'], ANSWER),
    onFault: (fault) => {
      throw fault;
    },
  });
};
const overHttp: RequestListener = (_request, response) => {
  response.writeHead(200, ['content-type', 'application/json', 'content-length', String(ANSWER.length)]);
  response.end(ANSWER);
};

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const ports: Ports = {
  link: await listen(createServer(overLink)),
  'link, mutual TLS': await listen(createTlsServer(tls, overLink)),
  HTTP: await listen(createHttpServer({ keepAliveTimeout: 65_000 }, overHttp)),
  'HTTPS, mutual TLS': await listen(createHttpsServer({ ...tls, keepAliveTimeout: 65_000 }, overHttp)),
};
process.once('disconnect', () => process.exit());
process.on('message', () => process.send?.(cpuSeconds()));
process.send?.(ports);
