import { migrateAll } from '../migrate/migrate.ts';
import { listPrograms } from './programs.ts';
import { runLauncher } from './run-launcher.ts';

await runLauncher({ listPrograms, migrate: migrateAll });
