import { fileURLToPath } from 'node:url';
import type { Env } from './find-server.js';
import { Supervisor } from './supervisor.js';

const COMPOSE_FILE = fileURLToPath(new URL('../../../compose.yaml', import.meta.url));

/** What compose.yaml publishes. */
export const COMPOSE_LOCATIONS = ['127.0.0.1:6379', '127.0.0.1:6380', '127.0.0.1:6381', '127.0.0.1:6382'];

/** Brings up the four servers of compose.yaml. @returns what takes them down again */
export async function composeUp(env: Env): Promise<() => Promise<void>> {
  // A project of this process alone: servers that a user brought up with the same file stay theirs.
  const compose = ['docker', 'compose', '-f', COMPOSE_FILE, '-p', `keyv-dredis-${process.pid}`] as const;
  const supervisor = await Supervisor.start(env);
  const stop = () => supervisor.end();
  try {
    await supervisor.ask({
      type: 'hold',
      up: [...compose, 'up', '--wait'],
      down: [...compose, 'down', '-v'],
    });
    return stop;
  } catch (error) {
    await stop();
    throw error;
  }
}
