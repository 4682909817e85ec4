import { createMidtransSimulator } from './app.ts';
import { readConfig } from './config.ts';

const { host, port, ...options } = readConfig(process.env);
const { app } = createMidtransSimulator(options);

let isStopping = false;
async function stop(): Promise<void> {
  if (isStopping) return;
  isStopping = true;
  await app.close();
  process.exit(0);
}

process.once('SIGTERM', () => void stop());
process.once('SIGINT', () => void stop());
process.once('disconnect', () => void stop()); // the launcher is gone, however it ended

console.log(`Midtrans simulator: ${await app.listen({ host, port })}`);
