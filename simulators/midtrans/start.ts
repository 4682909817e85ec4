import { closeWithParent } from '../shared/close-with-parent.ts';
import { createMidtransSimulator } from './app.ts';
import { readConfig } from './config.ts';

const { host, port, ...options } = readConfig(process.env);
const { app } = createMidtransSimulator(options);
closeWithParent(app);

console.log(`Midtrans simulator: ${await app.listen({ host, port })}`);
