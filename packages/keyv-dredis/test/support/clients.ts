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

/** Connects a plain client to each server, to look past the store. The clean-up closes them. */
export async function connectPlain(locations: readonly string[], database = 0): Promise<PlainServers> {
  const servers = await PlainServers.connect(locations, database);
  onCleanUp(() => servers.close());
  return servers;
}

/**
 * Database of this test file on the shared servers. A Jest worker runs one file at a time, so no other file
 * uses it meanwhile. Database 0 is left to tests that cannot choose one.
 */
export const SHARED_DATABASE = Number(process.env['JEST_WORKER_ID'] ?? 1);

/** @returns the database of this test file, which the clean-up empties */
export function useSharedDatabase(): number {
  onCleanUp(emptySharedDatabase);
  return SHARED_DATABASE;
}

async function emptySharedDatabase(): Promise<void> {
  await (await connectShared()).flush();
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

/** What Redis holds in the database of this test file on the shared servers, past every store. */
export const sharedRedis: Pick<PlainServers, 'get' | 'keys' | 'keysByServer' | 'ttlMs'> = {
  get: async (key) => (await connectShared()).get(key),
  keys: async (prefix) => (await connectShared()).keys(prefix),
  keysByServer: async (prefix) => (await connectShared()).keysByServer(prefix),
  ttlMs: async (key) => (await connectShared()).ttlMs(key),
};
