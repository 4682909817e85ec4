import { closeWithParent } from '../shared/close-with-parent.ts';
import { createTelegramSimulator } from './app.ts';
import { readConfig } from './config.ts';

const { host, port, ...options } = readConfig(process.env);
const { app } = await createTelegramSimulator(options);
closeWithParent(app);

console.log(`Telegram simulator on ${await app.listen({ host, port })}`);
