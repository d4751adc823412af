import { Redis } from 'ioredis';
import type { OpenOptions, Subject } from '../harness/contestant.js';

export async function openAutoPipelining({ locations: [location = ''] }: OpenOptions): Promise<Subject> {
  const [host = '', port] = location.split(':');
  const client = new Redis({ host, port: Number(port), enableAutoPipelining: true, lazyConnect: true });
  await client.connect();
  return {
    get: (key) => client.get(key),
    set: (key, value, ttlMs) =>
      ttlMs === undefined ? client.set(key, value) : client.set(key, value, 'PX', ttlMs),
    getMany: (keys) => client.mget(keys as string[]),
    setMany: (entries) => client.mset(entries.flatMap(({ key, value }) => [key, value])),
  };
}
