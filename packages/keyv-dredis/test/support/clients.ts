import { createClient } from 'redis';
import { onCleanUp, onFileCleanUp } from './clean-up.js';
import { PlainServers } from './plain-servers.js';
import { sharedLocations } from './servers.js';

export type PlainClient = ReturnType<typeof makeClient>;

const makeClient = (location: string, database: number) =>
  createClient({ url: `redis://${location}`, database });

/** Connects a plain node-redis client, which the clean-up closes. */
export async function connectClient(location: string, database = 0): Promise<PlainClient> {
  const client = makeClient(location, database);
  // A server that a test kills must not end the test run with an unhandled 'error' event.
  client.on('error', () => undefined);
  await client.connect();
  onCleanUp(() => client.isOpen && client.destroy());
  return client;
}

/**
 * Connects a plain client to each server, to access Redis without the store. The clean-up closes the clients.
 */
export async function connectPlain(locations: readonly string[], database = 0): Promise<PlainServers> {
  const servers = await PlainServers.connect(locations, database);
  onCleanUp(() => servers.close());
  return servers;
}

/**
 * This test file's database on the shared servers. A Jest worker runs one file at a time, so no other file
 * uses the database at the same time. Database 0 is reserved for tests that cannot choose a database.
 */
export const SHARED_DATABASE = Number(process.env['JEST_WORKER_ID'] ?? 1);

/** @returns this test file's database, which the clean-up empties */
export function useSharedDatabase(): number {
  onCleanUp(emptySharedDatabase);
  return SHARED_DATABASE;
}

async function emptySharedDatabase(): Promise<void> {
  await (await connectShared()).empty();
}

let shared: Promise<PlainServers> | undefined;

function connectShared(): Promise<PlainServers> {
  if (shared === undefined) {
    const connecting = PlainServers.connect(sharedLocations(), SHARED_DATABASE);
    shared = connecting;
    onFileCleanUp(async () => (await connecting).close());
  }
  return shared;
}

/** Reads this test file's database on the shared servers, without a store. */
export const sharedRedis: Pick<PlainServers, 'get' | 'keys' | 'keysByServer' | 'ttlMs'> = {
  get: async (key) => (await connectShared()).get(key),
  keys: async (prefix) => (await connectShared()).keys(prefix),
  keysByServer: async (prefix) => (await connectShared()).keysByServer(prefix),
  ttlMs: async (key) => (await connectShared()).ttlMs(key),
};
