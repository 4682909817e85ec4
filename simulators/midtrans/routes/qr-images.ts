import type { FastifyInstance } from 'fastify';
import { errorAnswer } from '../envelope.ts';
import { encodePng } from '../images/png.ts';
import { encodeQrCode } from '../images/qr-code.ts';
import type { Simulator } from '../simulator.ts';

/** The images that `actions[]` names. They need no key: payers' browsers load them. */
export function qrImageRoutes(app: FastifyInstance, { transactions }: Simulator): void {
  for (const path of ['/v2/qris/:id/qr-code', '/v2/gopay/:id/qr-code', '/v4/qris/:id/qr-code']) {
    app.get<{ Params: { id: string } }>(path, ({ params }, reply) => {
      const method = transactions.byId(params.id)?.method;
      if (method === undefined || !('qrString' in method)) return reply.send(errorAnswer('404').body);
      return reply.type('image/png').send(encodePng(encodeQrCode(method.qrString)));
    });
  }
}
